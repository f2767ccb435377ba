"""A recorded stream: a Parquet, CSV or NDJSON file, checked and in the order of its time; and what is kept of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from workloads.regular_file import Irregular, open_regular
from workloads.stream import CONTROL, Integers
from workloads.workload import Unfit

MOST_BYTES = 1 << 32
"""A larger file (4 GiB) is not read."""

_LARGEST = 2**53
_EXACT, _ROUNDING = 1e-6, 2.0**-50
"""How far from an integer a scaled decimal may be, absolutely and by its size: binary fractions are not exact."""

_MILLISECONDS = 100_000_000_000
"""Epoch integers from this on (the year 5138 in seconds, 1973 in milliseconds) are milliseconds."""


@dataclass(frozen=True)
class Recording:
    """Rows in the order of their time, as columns of equal length. keys: index into labels. values: by column."""

    keys: Integers
    values: Mapping[str, Integers]
    labels: Sequence[str]

    @property
    def sha256(self) -> str:
        """Of all that it holds, however it is stored."""
        digest = hashlib.sha256(json.dumps([list(self.values), list(self.labels)]).encode())
        for column in (self.keys, *self.values.values()):
            digest.update(np.ascontiguousarray(column, dtype="<i8").data)
        return digest.hexdigest()


_KEY, _LABELS = "key", b"labels"


def store(recording: Recording, path: Path) -> None:
    """Keep a recording as one Parquet file, whole or not at all. Raises OSError."""
    # Its columns are numbered, since a file's may be called anything; names and labels stand beside them.
    names = [_KEY, *(str(number) for number in range(len(recording.values)))]
    table = pa.table(dict(zip(names, (recording.keys, *recording.values.values()), strict=True)))
    told = json.dumps([list(recording.values), list(recording.labels)]).encode()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)  # Never written through, if a link stands there.
    pq.write_table(table.replace_schema_metadata({_LABELS: told}), partial, compression="zstd")
    partial.replace(path)


@lru_cache(maxsize=2)
def load(path: Path, changed_ns: int, sha256: str) -> Recording:  # noqa: ARG001  # a file that has changed is another one
    """The recording that was kept, if it is still the one with this sum. Raises Unfit."""
    try:
        with open_regular(path, MOST_BYTES, path.parent.parent) as file:
            table = pq.read_table(file)
        names, labels = json.loads(table.schema.metadata[_LABELS])
        columns = [np.asarray(column.combine_chunks().cast(pa.int64())) for column in table.columns]
        found = Recording(columns[0], dict(zip(names, columns[1:], strict=True)), tuple(labels))
        right = found.sha256 == sha256
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
        raise Unfit(f"{path}: what was kept of the recording cannot be read: {why}", "put it back") from error
    if not right:
        raise Unfit(f"{path}: it is not what was kept of the recording", f"put back the one with sum {sha256}")
    return found


@lru_cache(maxsize=2)
def read(path: Path, changed_ns: int, time: str, key: str, values: tuple[str, ...], scale: int) -> Recording:  # noqa: ARG001
    """The rows of a file that was changed last at changed_ns. Raises Unfit, naming file, row (from 1) and column."""
    if scale < 1:
        raise Unfit(f"scale = {scale} is not positive", "give 100 for two decimal places")
    table = _table(path)
    for name in (time, key, *values):
        if name not in table.schema.names:
            raise Unfit(f"{path}: there is no column {name!r}", f"its columns are {', '.join(table.schema.names)}")
    if not table.num_rows:
        raise Unfit(f"{path}: the file has no rows", "give one that has")
    column = {name: _Column(path, name, table[name].combine_chunks()) for name in {time, key, *values}}
    order = np.argsort(column[time].times(), kind="stable")
    keys, labels = column[key].texts()
    return Recording(keys[order], {name: column[name].integers(scale)[order] for name in values}, labels)


def _table(path: Path) -> pa.Table:
    readers: Mapping[str, Callable[[BinaryIO], pa.Table]] = {
        ".parquet": pq.read_table,
        ".csv": pyarrow.csv.read_csv,
        ".ndjson": pyarrow.json.read_json,
        ".jsonl": pyarrow.json.read_json,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Unfit(f"{path}: the file's kind is not known", f"its name ends in one of {', '.join(readers)}")
    try:
        with open_regular(path, MOST_BYTES) as file:
            return reader(file)
    except Irregular as error:
        raise Unfit(f"{path}: the file cannot be read: {error.strerror}", "give a plain file") from error
    except OSError as error:
        raise Unfit(f"{path}: the file cannot be read: {error}", "check its path") from error
    except pa.ArrowException as error:
        why = str(error).splitlines()[0]
        raise Unfit(f"{path}: not a readable {path.suffix} file: {why}", "mend it or give another") from error


class _Column:
    """One column of a file; what is wrong with it is said with its row."""

    def __init__(self, path: Path, name: str, data: pa.Array) -> None:
        self._path, self._name = path, name
        self._data = data.dictionary_decode() if pa.types.is_dictionary(data.type) else data
        if data.null_count:
            self._refuse(np.asarray(pc.is_null(data)), "nothing stands there", "every row needs a value")

    def times(self) -> Integers:
        """Numbers that ascend with time, in whatever unit."""
        kind = self._data.type
        if pa.types.is_timestamp(kind):
            return np.asarray(self._data.cast(pa.int64()))
        if not pa.types.is_integer(kind):
            raise self._unfit(f"is {kind}", "give timestamps, or epoch seconds or milliseconds as integers")
        numbers = np.asarray(self._data.cast(pa.int64()))
        self._refuse(numbers < 0, "a time before 1970", "give epoch seconds or milliseconds")
        mixed = (numbers >= _MILLISECONDS) != (numbers[0] >= _MILLISECONDS)
        self._refuse(mixed, "some times are seconds and some milliseconds", "give all in one unit")
        return numbers

    def texts(self) -> tuple[Integers, tuple[str, ...]]:
        """For each row the index of its text, and the texts, in the order in which they come."""
        kind = self._data.type
        if not any(fits(kind) for fits in (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)):
            raise self._unfit(f"is {kind}", "give texts or integers")
        coded = self._data.cast(pa.string()).dictionary_encode()
        codes, texts = np.asarray(coded.indices.cast(pa.int64())), tuple(coded.dictionary.to_pylist())
        control = np.array([text.startswith(CONTROL) for text in texts])
        self._refuse(control[codes], f"a key that begins with {CONTROL}", "such keys are kept for heartbeats")
        return codes, texts

    def integers(self, scale: int) -> Integers:
        """Values times scale."""
        kind = self._data.type
        if pa.types.is_integer(kind):
            # Unchecked casts, since what they would spoil is refused for its size.
            exact = np.asarray(self._data.cast(pa.int64(), safe=False))
            self._within(np.asarray(self._data.cast(pa.float64(), safe=False)) * scale)
            return np.asarray(exact * scale, dtype=np.int64)
        if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise self._unfit(f"is {kind}", "give non-negative integers or decimals")
        scaled = np.asarray(self._data.cast(pa.float64(), safe=False)) * scale
        self._within(scaled)
        whole = np.rint(scaled)
        self._refuse(
            np.abs(scaled - whole) > np.maximum(_EXACT, whole * _ROUNDING),
            f"times the scale {scale} is no integer",
            "give a larger scale: 100 for two decimal places",
        )
        return np.asarray(whole, dtype=np.int64)

    def _within(self, scaled: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
        self._refuse(~(scaled >= 0), "a negative value", "give values of 0 or more")
        self._refuse(~(scaled < _LARGEST), "too large a value", "give values (times the scale) below 2**53")

    def _refuse(self, wrong: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], what: str, remedy: str) -> None:
        """Raises Unfit for the first row that is wrong."""
        if wrong.any():
            row = int(np.argmax(wrong))
            raise self._unfit(f"row {row + 1}: {what} ({self._data[row]})", remedy)

    def _unfit(self, what: str, remedy: str) -> Unfit:
        return Unfit(f"{self._path}: column {self._name!r} {what}", remedy)
