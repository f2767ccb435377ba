"""A recorded stream: one or more files of a user, checked and in the order of their time; and what is kept of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workloads import table_file
from workloads.cells import Cells
from workloads.regular_file import open_regular
from workloads.stream import Integers
from workloads.workload import Unfit

MOST_FILES = 10_000
"""A folder with more is not read."""


@dataclass(frozen=True)
class Recording:
    """Rows in the order of their time, as columns of equal length. keys: index into labels. values: by column.
    missing_rows: how many of the files' rows lacked something, and so were left out or given the default.
    """

    keys: Integers
    values: Mapping[str, Integers]
    labels: Sequence[str]
    missing_rows: int = 0

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
        with open_regular(path, table_file.MOST_BYTES, path.parent.parent) as file:
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
    if re.fullmatch(r"[0-9]{1,15}", text):
        return Rule(default=int(text))
    raise Unfit(
        f"missing = {text!r} is no rule",
        "give refuse, skip (to leave such rows out), or what missing values are, such as 0",
    )


def files(given: Path) -> list[Path]:
    """The files that a path stands for: itself, or those in a folder whose kind is known, by name. Raises Unfit."""
    if not given.is_dir():
        return [given]
    found = sorted(path for path in given.iterdir() if table_file.kind(path))
    if not found:
        raise Unfit(
            f"{given}: there is no file in it that can be read", f"those end in {', '.join(table_file.kinds())}"
        )
    if len(found) > MOST_FILES:
        raise Unfit(f"{given}: {len(found):,} files are in it, more than the {MOST_FILES:,} that are read", "join some")
    return found


@lru_cache(maxsize=2)
def read(
    paths: tuple[Path, ...],
    changed_ns: tuple[int, ...],  # noqa: ARG001  # a file that has changed is another one
    time: str,
    key: str,
    values: tuple[str, ...],
    scale: int,
    missing: Rule = _REFUSE,
) -> Recording:
    """The rows of files, each changed last at its changed_ns. Raises Unfit, naming file, column and row (from 1)."""
    if scale < 1:
        raise Unfit(f"scale = {scale} is not positive", "give 100 for two decimal places")
    parts = [_part(path, time, key, values, scale, missing) for path in paths]
    units = {part.unit: path for part, path in zip(parts, paths, strict=True) if len(part.times)}
    if len(units) > 1:
        told = "; ".join(f"{unit or 'numbers of no unit'} in {path.name}" for unit, path in units.items())
        raise Unfit(f"the files' times are not of one unit: {told}", "give all in one unit")
    times = np.concatenate([part.times for part in parts])
    if not len(times):
        raise Unfit(f"{paths[0]}: the file has no rows", "give one that has")
    order = np.argsort(times, kind="stable")
    coded = pa.chunked_array([part.keys for part in parts]).combine_chunks().dictionary_encode()
    codes = np.asarray(coded.indices.cast(pa.int64()))
    return Recording(
        codes[order],
        {name: np.concatenate([part.values[name] for part in parts])[order] for name in values},
        tuple(coded.dictionary.to_pylist()),
        sum(part.missing_rows for part in parts),
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
    missing_rows: int
    """How many rows lacked something."""


def _part(path: Path, time: str, key: str, values: tuple[str, ...], scale: int, missing: Rule) -> _Part:
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
    return _Part(times[keep], unit, keys, scaled, int(np.count_nonzero(incomplete)))


_NOTHING = "nothing stands there"
_REMEDY = "every row needs a value; or set missing = skip, or a default such as missing = 0"
