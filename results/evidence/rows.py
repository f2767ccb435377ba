"""Output rows, parsed. What an engine wrote is not trusted: a row that is not what the query asks for is malformed.

A row is one JSON object (RFC 8259, in UTF-8, blanks around it allowed) with the query's fields and no other, each once:
a text for the key, else an integer of 64 bits, written without fraction and exponent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa

from workloads.query import Query
from workloads.stream import CONTROL, Integers

_PIECE = 1 << 16
_SHOWN_BYTES = 200
_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

UNKNOWN_KEY = -1


@dataclass(frozen=True)
class Malformed:
    """A row that cannot be read as an answer to the query, and why."""

    partition: int
    """Where the row stands in the output log."""
    offset: int
    """Where it stands in its partition."""
    visible_ns: int
    """When it became visible, monotonic ns."""
    text: str
    """What was written, as text; cut off where it is long."""
    why: str
    """What is wrong with it, in a line."""


@dataclass(frozen=True)
class Rows:
    """Rows as columns of equal length, in the order in which they became visible; control keys are left out."""

    partitions: Integers
    """Partition of the output log."""
    offsets: Integers
    """Offset in that partition."""
    appended_ms: Integers
    """The log's append time, epoch ms."""
    visible_ns: Integers
    """When the row became visible, monotonic ns."""
    keys: Integers
    """Index into the stream's labels; UNKNOWN_KEY where the stream has no such key."""
    identity: Integers
    """A line each for `query.identity`, in its order."""
    values: Integers
    """A line each for `query.fields`, in its order."""
    strangers: dict[int, str]
    """The keys that the stream does not have, by the row's place in these columns."""
    malformed: list[Malformed]
    """The rows that could not be read; they are in no column."""
    repeated: int
    """How many rows were recorded more than once (same partition and offset): the collector's fault, no engine's."""

    def take(self, places: Integers) -> Rows:
        """The rows at these places, which ascend."""
        return replace(
            self,
            partitions=self.partitions[places],
            offsets=self.offsets[places],
            appended_ms=self.appended_ms[places],
            visible_ns=self.visible_ns[places],
            keys=self.keys[places],
            identity=self.identity[:, places],
            values=self.values[:, places],
            strangers={
                number: self.strangers[int(row)] for number, row in enumerate(places) if int(row) in self.strangers
            }
            if self.strangers
            else {},
        )


def parse(query: Query, table: pa.Table, labels: Sequence[str]) -> Rows:
    """Parse the table `output`."""
    table = _in_order_of_visibility(table)
    partitions, offsets = _integers(table["partition"]), _integers(table["offset"])
    appended_ms, visible_ns = _integers(table["time_ms"]), _integers(table["visible_ns"])
    reader = _Reader(query, labels)
    for start in range(0, table.num_rows, _PIECE):
        reader.read(start, table["value"].slice(start, _PIECE).to_pylist())
    kept = np.concatenate(reader.kept) if reader.kept else np.empty(0, dtype=np.int64)
    names = len(query.identity)
    lines = 1 + names + len(query.fields)
    columns = np.concatenate(reader.columns, axis=1) if reader.columns else np.empty((lines, 0), dtype=np.int64)
    return Rows(
        partitions=partitions[kept],
        offsets=offsets[kept],
        appended_ms=appended_ms[kept],
        visible_ns=visible_ns[kept],
        keys=columns[0],
        identity=columns[1 : 1 + names],
        values=columns[1 + names :],
        strangers={int(np.searchsorted(kept, row)): key for row, key in reader.strangers.items()},
        malformed=[
            Malformed(int(partitions[row]), int(offsets[row]), int(visible_ns[row]), text, why)
            for row, text, why in reader.malformed
        ],
        repeated=_repeated(partitions, offsets),
    )


class _Reader:
    """Reads values piece by piece, so that few parsed objects are alive at a time."""

    def __init__(self, query: Query, labels: Sequence[str]) -> None:
        # Positional names, since a field may be called what Python does not allow as an attribute.
        names = {field: f"field{number}" for number, field in enumerate(query.row_fields)}
        row = msgspec.defstruct(
            "Row",
            [("key", str), *((name, _Integer) for name in names.values())],
            rename={name: field for field, name in names.items()},
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(row).decode
        self._colons = 1 + len(names)
        self._getters = [attrgetter(names[field]) for field in (*query.identity, *query.fields)]
        self._index = {label: number for number, label in enumerate(labels)}
        self.kept: list[Integers] = []
        self.columns: list[Integers] = []
        self.strangers: dict[int, str] = {}
        self.malformed: list[tuple[int, str, str]] = []

    def read(self, first: int, values: list[Any]) -> None:
        """Values of the rows numbered from `first`: bytes, or None."""
        rows: list[Any] = []
        numbers: list[int] = []
        for number, value in enumerate(values, first):
            try:
                row: Any = self._decode(value)
            except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError) as error:
                if not _control(value):
                    self.malformed.append((number, _text(value), f"not a row of the query: {error}"))
                continue
            # The decoder takes the last of several. Every field is there, so it is there once if there are no more
            # colons than fields; there may be colons in texts, too.
            if value.count(b":") != self._colons and (twice := _repeated_name(value)) is not None:
                if not _control(value):
                    self.malformed.append((number, _text(value), f"not a row of the query: {twice!r} is there twice"))
                continue
            if not row.key.startswith(CONTROL):
                rows.append(row)
                numbers.append(number)
        if not rows:
            return
        keys = [self._index.get(row.key, UNKNOWN_KEY) for row in rows]
        if UNKNOWN_KEY in keys:
            self.strangers |= {
                number: row.key for number, row, key in zip(numbers, rows, keys, strict=True) if key == UNKNOWN_KEY
            }
        columns = np.empty((len(self._getters) + 1, len(rows)), dtype=np.int64)
        columns[0] = keys
        for line, getter in enumerate(self._getters, 1):
            columns[line] = np.fromiter(map(getter, rows), dtype=np.int64, count=len(rows))
        self.columns.append(columns)
        self.kept.append(np.array(numbers, dtype=np.int64))


def _in_order_of_visibility(table: pa.Table) -> pa.Table:
    visible_ns = table["visible_ns"].to_numpy()
    if len(visible_ns) > 1 and np.any(visible_ns[1:] < visible_ns[:-1]):
        return table.sort_by([("visible_ns", "ascending"), ("partition", "ascending"), ("offset", "ascending")])
    return table


def _repeated(partitions: Integers, offsets: Integers) -> int:
    repeated = 0
    for partition in np.unique(partitions):
        mine = offsets[partitions == partition]
        # Offsets ascend as they are read; only where they do not is a closer look due.
        if np.any(mine[1:] <= mine[:-1]):
            repeated += len(mine) - len(np.unique(mine))
    return repeated


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object as they stand there."""


def _repeated_name(value: bytes) -> str | None:
    """A name that an object without others in it has twice. value: valid JSON."""
    names = [name for name, _ in json.loads(value, object_pairs_hook=_Members)]
    return next((name for name in names if names.count(name) > 1), None)


def _control(value: bytes | None) -> bool:
    """Whether this is a row for a heartbeat or closing event after all, of whatever shape."""
    try:
        msgspec.json.decode(value or b"")
        row = json.loads(value or b"", object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return False
    keys = [held for name, held in row if name == "key"] if isinstance(row, _Members) else []
    return bool(keys) and all(isinstance(key, str) and key.startswith(CONTROL) for key in keys)


def _text(value: bytes | None) -> str:
    if value is None:
        return "(no value)"
    more = "…" if len(value) > _SHOWN_BYTES else ""
    return value[:_SHOWN_BYTES].decode(errors="backslashreplace") + more


def _integers(column: pa.ChunkedArray) -> Integers:
    return np.asarray(column.to_numpy(), dtype=np.int64)
