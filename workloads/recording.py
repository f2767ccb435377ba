"""A recorded stream: one or more files of a user, checked and in order; and what is kept of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workloads import table_file
from workloads.cells import FINER, LARGEST, UNITS, Cells
from workloads.regular_file import open_regular
from workloads.stream import Integers
from workloads.workload import Unfit

MOST_FILES = 10_000
"""A folder with more is not read."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Rows as columns of equal length: in the order of their time, or as they came where `times` are told."""

    keys: Integers
    """Index into labels."""
    values: Mapping[str, Integers]
    """By the files' name of the column, times the scale."""
    labels: Sequence[str]
    """All keys."""
    missing_rows: int = 0
    """How many of the files' rows lacked something, and so were left out or given the default."""
    times: Integers | None = None
    """Epoch ms of each row, which may go back; None where only the order is kept."""
    places: Integers | None = None
    """With `times`, where each row stands: its file's place in the list, and its number there, as `placed` joins them;
    None of a recording that was kept."""

    @property
    def sha256(self) -> str:
        """Of all that it holds, however it is stored."""
        digest = hashlib.sha256(json.dumps([list(self.values), list(self.labels)]).encode())
        for column in (self.keys, *self.values.values(), *([] if self.times is None else [self.times])):
            digest.update(np.ascontiguousarray(column, dtype="<i8").data)
        return digest.hexdigest()


_KEY, _LABELS, _TIME = "key", b"labels", "time"

_LATEST_S = 253_402_300_799
"""The last second of the year 9999."""

_FILE_BITS = 40
"""A row's number fits below its file's place: a file has no more than `table_file.MOST_ROWS` rows."""


def store(recording: Recording, path: Path) -> None:
    """Keep a recording as one Parquet file, whole or not at all. Raises OSError."""
    # Its columns are numbered, since a file's may be called anything; names and labels stand beside them.
    names = [_KEY, *(str(number) for number in range(len(recording.values)))]
    columns = dict(zip(names, (recording.keys, *recording.values.values()), strict=True))
    table = pa.table(columns if recording.times is None else columns | {_TIME: recording.times})
    told = json.dumps([list(recording.values), list(recording.labels)]).encode()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)  # Never written through, if a link stands there.
    pq.write_table(table.replace_schema_metadata({_LABELS: told}), partial, compression="zstd")
    partial.replace(path)


@lru_cache(maxsize=2)
def load(path: Path, changed_ns: int, sha256: str) -> Recording:  # noqa: ARG001  # a file that has changed is another one
    """The recording that was kept, if it is still the one with this sum. Raises Unfit."""
    try:
        with open_regular(path, table_file.MOST_BYTES, path.parent.parent) as file:
            table = pq.read_table(file)
        names, labels = json.loads(table.schema.metadata[_LABELS])
        columns = {name: np.asarray(table[name].combine_chunks().cast(pa.int64())) for name in table.schema.names}
        keys, times = columns.pop(_KEY), columns.pop(_TIME, None)
        found = Recording(keys, dict(zip(names, columns.values(), strict=True)), tuple(labels), times=times)
        right = found.sha256 == sha256
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
        raise Unfit(f"{path}: what was kept of the recording cannot be read: {why}", "put it back") from error
    if not right:
        raise Unfit(f"{path}: it is not what was kept of the recording", f"put back the one with sum {sha256}")
    return found


@dataclass(frozen=True)
class Rule:
    """What becomes of rows that lack something: refused, left out (skip), or a default for values that are missing."""

    skip: bool = False
    default: int | None = None


_REFUSE = Rule()


def rule(text: str) -> Rule:
    """As a user says it. Raises Unfit."""
    if text in ("refuse", "skip"):
        return Rule(skip=text == "skip")
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return Rule(default=int(text))
    raise Unfit(
        f"missing = {text!r} is no rule",
        "give refuse, skip (to leave such rows out), or what missing values are, such as 0",
    )


def files(given: Path) -> list[Path]:
    """The files that a path stands for, by name: itself; those in a folder whose kind is known; or, where it has `*`,
    `?` or `[` and there is no such file, those that fit. Raises Unfit.
    """
    if given.is_dir():
        # What begins so is of the system that wrote the folder, not of the user.
        found = [path for path in given.iterdir() if table_file.kind(path) and not path.name.startswith((".", "_"))]
        lacking = f"there is no file in it that can be read; those end in {', '.join(table_file.kinds())}"
    elif set("*?[").intersection(str(given)) and not given.exists():
        found, lacking = _fitting(given), "no file's name fits this; check the path"
    else:
        return [given]
    if not found:
        what, remedy = lacking.split("; ")
        raise Unfit(f"{given}: {what}", remedy)
    if len(found) > MOST_FILES:
        raise Unfit(f"{given}: {len(found):,} files are in it, more than the {MOST_FILES:,} that are read", "join some")
    return sorted(found)


def _fitting(given: Path) -> list[Path]:
    """The files whose names fit: a wildcard stands for one folder or file, never for folders in folders."""
    if "**" in str(given):
        raise Unfit(f"{given}: ** stands for no folder", "name each folder by *")
    # What is there may have such characters in its own name.
    there = next(parent for parent in given.parents if parent.exists())
    return list(there.glob(str(given.relative_to(there))))


@lru_cache(maxsize=2)
def read(
    paths: tuple[Path, ...],
    changed_ns: tuple[int, ...],  # noqa: ARG001  # a file that has changed is another one
    time: str,
    key: str,
    values: tuple[str, ...],
    scale: int,
    missing: Rule = _REFUSE,
    as_recorded: bool = False,
) -> Recording:
    """The rows of files, each changed last at its changed_ns. Raises Unfit, naming file, column and row (from 1).

    as_recorded: in the order in which each file has them, with their times. Files then come side by side: a row comes
    once the largest time of its file so far is reached.
    """
    if scale < 1:
        raise Unfit(f"scale = {scale} is not positive", "give 100 for two decimal places")
    if abs(missing.default or 0) * scale >= LARGEST:
        raise Unfit(f"missing = {missing.default}, times the scale {scale}, is not below 2**53", "give a smaller one")
    parts = [_part(path, time, key, values, scale, missing) for path in paths]
    unit, found = _of_one_unit(parts, paths)
    times = np.concatenate(found)
    if not len(times):
        raise Unfit(f"{paths[0]}: the file has no rows", "give one that has")
    if as_recorded:
        _check_times(time, unit, found, parts, paths)
        order = np.argsort(np.concatenate([np.maximum.accumulate(each) for each in found]), kind="stable")
    else:
        order = np.argsort(times, kind="stable")
    coded = pa.chunked_array([part.keys for part in parts]).combine_chunks().dictionary_encode()
    codes = np.asarray(coded.indices.cast(pa.int64()))
    recording = Recording(
        codes[order],
        {name: np.concatenate([part.values[name] for part in parts])[order] for name in values},
        tuple(coded.dictionary.to_pylist()),
        sum(part.missing_rows for part in parts),
        _milliseconds(times, unit)[order] if as_recorded else None,
        np.concatenate([(n << _FILE_BITS) + part.rows for n, part in enumerate(parts)])[order] if as_recorded else None,
    )
    _check_range(recording, paths)
    return recording


def placed(recording: Recording, row: int, paths: Sequence[Path]) -> tuple[Path, int]:
    """The file that a row of a recording as it came is from, and its number there, from 1."""
    if recording.places is None:
        raise ValueError("a recording that was kept does not know its files")
    place = int(recording.places[row])
    return paths[place >> _FILE_BITS], place & ((1 << _FILE_BITS) - 1)


def _of_one_unit(parts: Sequence[_Part], paths: Sequence[Path]) -> tuple[str, list[Integers]]:
    """The unit of all times, and those of each part in it. Raises Unfit where they have several."""
    units = {part.unit: path for part, path in zip(parts, paths, strict=True) if len(part.times)}
    finest = next((unit for unit in units if unit.startswith(FINER)), "")
    coarse = finest.removeprefix(FINER)
    whole = [int(np.abs(part.times).max(initial=0)) for part in parts if part.unit == coarse]
    if finest and set(units) == {finest, coarse} and max(whole) * UNITS["microseconds"] < 2**63:
        # Some files have fractions, others happen to have none.
        return finest, [part.times * (1 if part.unit == finest else UNITS["microseconds"]) for part in parts]
    if len(units) > 1:
        told = "; ".join(f"{unit or 'numbers of no unit'} in {path.name}" for unit, path in units.items())
        raise Unfit(f"the files' times are not of one unit: {told}", "give all in one unit")
    return next(iter(units), ""), [part.times for part in parts]


def _check_times(
    column: str, unit: str, times: Sequence[Integers], parts: Sequence[_Part], paths: Sequence[Path]
) -> None:
    """Raises Unfit for times of which it cannot be told when they are."""
    remedy = "give timestamps, or epoch seconds or milliseconds"
    if not unit:
        what = "these numbers do not tell their unit, which pace = recorded needs"
        raise Unfit(f"{paths[0]}: column {column!r}: {what}", remedy)
    for mine, part, path in zip(times, parts, paths, strict=True):
        late = mine > min(_LATEST_S * _a_second(unit), np.iinfo(np.int64).max)
        if late.any():
            row = int(part.rows[np.argmax(late)])
            raise Unfit(f"{path}: column {column!r} row {row}: a time after the year 9999", remedy)


def _a_second(unit: str) -> int:
    """How many of a unit, as `workloads.cells` tells it, are a second."""
    return UNITS[unit.removeprefix(FINER)] * (UNITS["microseconds"] if unit.startswith(FINER) else 1)


def _milliseconds(times: Integers, unit: str) -> Integers:
    """Epoch milliseconds, rounded down. unit: as `workloads.cells` tells it."""
    a_second = _a_second(unit)
    if a_second < UNITS["milliseconds"]:
        return times * (UNITS["milliseconds"] // a_second)
    return times // (a_second // UNITS["milliseconds"])


def _check_range(recording: Recording, paths: Sequence[Path]) -> None:
    """Raises Unfit where values, once all are moved up so that none is negative, are not below 2**53."""
    for name, column in recording.values.items():
        lowest, highest = min(int(column.min()), 0), int(column.max())
        if highest - lowest >= LARGEST:
            where = paths[0] if len(paths) == 1 else paths[0].parent
            raise Unfit(
                f"{where}: column {name!r} reaches from {lowest} to {highest} (times the scale): 2**53 or more",
                "give values that lie nearer to each other, or a smaller scale",
            )


@dataclass(frozen=True)
class _Part:
    """The rows of one file, those that are left out excepted, as columns of equal length."""

    times: Integers
    """Numbers that ascend with time."""
    unit: str
    """Of times; empty where it cannot be told."""
    keys: pa.Array
    """Texts."""
    values: Mapping[str, Integers]
    """By the file's name of the column, times the scale."""
    rows: Integers
    """The number of each in its file, from 1."""
    missing_rows: int
    """How many rows lacked something."""


def _part(path: Path, time: str, key: str, values: tuple[str, ...], scale: int, missing: Rule) -> _Part:
    try:
        return _read_part(path, time, key, values, scale, missing)
    except (pa.ArrowException, duckdb.Error) as error:
        # A type that is not foreseen: it cannot be compared, or made a number.
        why = str(error).splitlines()[0]
        raise Unfit(f"{path}: its columns cannot be read: {why}", "give texts, integers, decimals or times") from error


def _read_part(path: Path, time: str, key: str, values: tuple[str, ...], scale: int, missing: Rule) -> _Part:
    found, decimal_comma = table_file.columns(path, (time, key, *values))
    cells = {name: Cells(path, name, data, decimal_comma) for name, data in found.items()}
    if not len(cells[time].data):
        raise Unfit(f"{path}: the file has no rows", "give one that has")
    lacking = {name: cells[name].missing() for name in values}
    nameless = cells[time].missing() | cells[key].missing_key()
    if not missing.skip:
        cells[time].refuse(cells[time].missing(), _NOTHING, _REMEDY)
        cells[key].refuse(cells[key].missing_key(), _NOTHING, _REMEDY)
        for name in values if missing.default is None else ():
            cells[name].refuse(lacking[name], _NOTHING, _REMEDY)
    incomplete = np.logical_or.reduce([nameless, *lacking.values()])
    keep = ~incomplete if missing.skip else np.ones(len(incomplete), dtype=np.bool_)
    times, unit = cells[time].times(~cells[time].missing() & keep)
    scaled = {}
    for name in values:
        there = ~lacking[name] & keep
        scaled[name] = np.where(there, cells[name].values(scale, there), (missing.default or 0) * scale)[keep]
    keys = cells[key].texts(keep).filter(pa.array(keep))
    return _Part(times[keep], unit, keys, scaled, np.flatnonzero(keep) + 1, int(np.count_nonzero(incomplete)))


_NOTHING = "nothing stands there"
_REMEDY = "every row needs a value; or set missing = skip, or a default such as missing = 0"
