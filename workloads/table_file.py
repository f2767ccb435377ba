"""A user's file as columns: CSV, NDJSON, JSON or Parquet, plain or compressed. Only the columns that are asked for.

CSV is read by pyarrow and JSON by DuckDB, both as texts: what a cell means is for whoever asks (`workloads.recording`),
since a reader that guesses types makes one key of 007 and 7.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from workloads.regular_file import Irregular, open_regular
from workloads.workload import Unfit

MOST_BYTES = 1 << 32
"""A larger file (4 GiB, unpacked) is not read."""

MOST_CELL_BYTES = 1 << 26
"""Cells of up to so many bytes (64 MiB) are read."""

MOST_ROWS = 1 << 27
"""A file with more rows (134 million) is not read."""

_BLOCK_BYTES = 2 * MOST_CELL_BYTES
_PIECE_BYTES = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_PACKED = {".gz": "gzip", ".zst": "zstd"}


def kinds() -> tuple[str, ...]:
    """Ends of the names of files that are read; each may have one of a packed file behind it."""
    return tuple(_READERS)


def kind(path: Path) -> str | None:
    """The end of its name by which a file is read, without that of a packed one; None where it is not known."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _READERS else None


def columns(path: Path, names: Sequence[str]) -> tuple[Mapping[str, pa.Array], bool]:
    """The columns with these names: texts where the format has no types. Raises Unfit with file, column and row.

    Beside them, whether a comma is the decimal point: it is in files whose cells a semicolon parts. In CSV an empty
    cell is the empty text; in JSON what is null or not there is null.
    """
    ending = kind(path)
    if ending is None:
        raise Unfit(
            f"{path}: the file's kind is not known",
            f"its name ends in one of {', '.join(kinds())}, or one of these and {' or '.join(_PACKED)}",
        )
    try:
        with _unpacked(path) as file:
            return _READERS[ending](path, file, tuple(dict.fromkeys(names)))
    except Irregular as error:
        raise Unfit(f"{path}: the file cannot be read: {error.strerror}", "give a plain file") from error
    except (pa.ArrowException, duckdb.Error) as error:
        why = str(error).splitlines()[0]
        raise Unfit(f"{path}: not a readable {ending} file: {why}", "fix it or give another") from error
    except OSError as error:
        raise Unfit(f"{path}: the file cannot be read: {error}", "check its path") from error


@contextmanager
def _unpacked(path: Path) -> Iterator[BinaryIO]:
    """The file's content, at its begin. Raises Irregular if it is too large."""
    with open_regular(path, MOST_BYTES) as file:
        packing = _PACKED.get(path.suffix.lower())
        if packing is None:
            yield file
            return
        with tempfile.TemporaryFile() as whole:
            packed = pa.CompressedInputStream(file, packing)
            while piece := packed.read(_PIECE_BYTES):
                if whole.tell() + len(piece) > MOST_BYTES:
                    raise Irregular(f"unpacked it has more than the {MOST_BYTES:,} bytes that are read", path)
                whole.write(piece)
            whole.seek(0)
            yield whole


def _csv(path: Path, file: BinaryIO, names: Sequence[str]) -> tuple[Mapping[str, pa.Array], bool]:
    delimiter, header = _header(path, file, names)
    for name in names:
        _once(path, name, header)
    wrong: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    try:
        table = pyarrow.csv.read_csv(
            file,
            # One thread: only so are rows numbered over the whole file.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            pyarrow.csv.ConvertOptions(include_columns=list(names), column_types=dict.fromkeys(names, pa.binary())),
        )
    except pa.ArrowInvalid:
        if not wrong:
            raise
        row, text = wrong[0], wrong[0].text[:80]
        # The header is the first row for the reader.
        told = f"row {row.number - 1} has {_cells(row.actual_columns)}, not {row.expected_columns}: {text}"
        raise Unfit(f"{path}: {told}", "fix the row, or take it out") from None
    return {name: _utf8(path, name, table[name]) for name in names}, delimiter == ";"


def _header(path: Path, file: BinaryIO, names: Sequence[str]) -> tuple[str, list[str]]:
    """The character that parts cells, and the columns' names: by it, all that are asked for are there if possible."""
    begin = file.read(_PIECE_BYTES)
    file.seek(0)
    if not begin.strip():
        raise Unfit(f"{path}: the file is empty", "give one that has rows")
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in begin:
        raise Unfit(f"{path}: the file is not UTF-8", "save it as UTF-8")
    text = begin.decode("utf-8-sig", errors="replace")
    headers = {delimiter: _first(text, delimiter) for delimiter in _DELIMITERS}
    for delimiter, header in headers.items():
        if set(names) <= set(header):
            return delimiter, header
    # The names are wrong, then; the delimiter is the one that makes most columns.
    delimiter = max(_DELIMITERS, key=lambda each: len(headers[each]))
    return delimiter, headers[delimiter]


def _first(text: str, delimiter: str) -> list[str]:
    """The cells of the first line that is not empty."""
    try:
        return next((cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if cells), [])
    except csv.Error:  # A cell of a size that no name has.
        return []


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _utf8(path: Path, name: str, column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    try:
        return whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        for row, cell in enumerate(whole):
            try:
                (cell.as_py() or b"").decode()
            except UnicodeDecodeError:
                raise Unfit(f"{path}: column {name!r} row {row + 1} is not UTF-8", "save the file as UTF-8") from None
        raise


def _json(path: Path, file: BinaryIO, names: Sequence[str]) -> tuple[Mapping[str, pa.Array], bool]:
    with duckdb.connect() as database:
        # By its descriptor: characters of its name may be wildcards.
        database.execute(
            "create temp table read as "
            "select row_number() over () as row, json, coalesce(json_keys(json), []) as names "
            f"from read_json_objects(?, format = 'auto', maximum_object_size = {_BLOCK_BYTES})",
            [f"/proc/self/fd/{file.fileno()}"],
        )
        strange = database.execute("select min(row) from read where json_type(json) <> 'OBJECT'").fetchall()[0][0]
        if strange is not None:
            raise Unfit(f"{path}: row {strange} is no object", "give one JSON object for each row")
        found = {}
        for name in names:
            there, twice = database.execute(
                "select count(*) filter (list_contains(names, $1)), min(row) filter ("
                "len(list_filter(names, lambda each: each = $1)) > 1) from read",
                [name],
            ).fetchall()[0]
            first = database.execute("select names from read where row = 1").fetchall()
            if not there and first:
                _once(path, name, first[0][0])
            if twice is not None:
                raise Unfit(f"{path}: column {name!r} is there twice in row {twice}", "give each a name of its own")
            found[name] = _members(path, name, database)
    return found, False


def _members(path: Path, name: str, database: duckdb.DuckDBPyConnection) -> pa.Array:
    """The texts and numbers of that name, as texts."""
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    strange = database.execute(
        "select row, json_type(json, $1) from read where json_type(json, $1) in ('OBJECT', 'ARRAY', 'BOOLEAN') "
        "order by row limit 1",
        [pointer],
    ).fetchall()
    if strange:
        row, what = strange[0]
        raise Unfit(f"{path}: column {name!r} row {row} is {what.lower()}", "give texts or numbers")
    table = database.sql("select json ->> $1 as cell from read order by row", params=[pointer]).to_arrow_table()
    return table.column("cell").combine_chunks().cast(pa.large_string())


def _parquet(path: Path, file: BinaryIO, names: Sequence[str]) -> tuple[Mapping[str, pa.Array], bool]:
    opened = pq.ParquetFile(file)
    if opened.metadata.num_rows > MOST_ROWS:
        told = f"it has {opened.metadata.num_rows:,} rows, more than the {MOST_ROWS:,} that are read"
        raise Unfit(f"{path}: {told}", "give a part of it")
    for name in names:
        _once(path, name, opened.schema_arrow.names)
    table = opened.read(columns=list(names))
    return {name: _plain(path, name, table[name]) for name in names}, False


def _plain(path: Path, name: str, column: pa.ChunkedArray) -> pa.Array:
    """Without a dictionary, and with one kind of text, of which each is UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_string_view(column.type) or pa.types.is_large_string(column.type):
        # As bytes and back, by which they are looked at: whoever wrote them may not have done so.
        return _utf8(path, name, pc.cast(pc.cast(column, pa.large_string()), pa.large_binary()))
    return column.combine_chunks()


def _once(path: Path, name: str, names: Sequence[str]) -> None:
    """Raises Unfit unless there is one column of that name."""
    if name not in names:
        raise Unfit(f"{path}: there is no column {name!r}", f"its columns are {', '.join(names)}")
    if list(names).count(name) > 1:
        raise Unfit(f"{path}: column {name!r} is there twice", "give each a name of its own")


_READERS: Mapping[str, Callable[[Path, BinaryIO, Sequence[str]], tuple[Mapping[str, pa.Array], bool]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".tsv": _csv,
    ".ndjson": _json,
    ".jsonl": _json,
    ".json": _json,
}
