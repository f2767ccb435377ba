"""Output rows, parsed. What an engine wrote is not trusted: a row that is not what the query asks for is malformed.

A row is one JSON object (RFC 8259, in UTF-8, blanks around it allowed). It has the query's fields and no other, each
once. The key is a text, and any other an integer of 64 bits, written without fraction and exponent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workloads.query import Query
from workloads.shift import move_back
from workloads.stream import CONTROL, Integers
from workloads.workload import NO_SHIFTS

_PIECE = 1 << 14
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

    numbers: Integers
    """The place of each among all rows that were recorded, in that order: they ascend."""
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
            numbers=self.numbers[places],
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


def parse(query: Query, table: pa.Table, labels: Sequence[str], shifts: Mapping[str, int] = NO_SHIFTS) -> Rows:
    """Parse the table `output`. shifts: by how much columns were moved up on the way to the engine."""
    table = _in_order_of_visibility(table)
    partitions, offsets = _integers(table["partition"]), _integers(table["offset"])
    reader = RowReader(query, labels, shifts)
    reader.read(0, table)
    return rows_of(query, reader.lines(), reader.strangers, reader.malformed, _repeated(partitions, offsets))


def rows_of(
    query: Query, lines: Integers, strangers: Mapping[int, str], malformed: list[Malformed], repeated: int = 0
) -> Rows:
    """Rows from what a Reader has read. lines: in order of visibility. strangers: by number of the row."""
    columns, names = np.ascontiguousarray(lines.T), FIRST + len(query.identity)
    numbers, partitions, offsets, appended_ms, visible_ns, keys = columns[:FIRST]
    return Rows(
        numbers=numbers,
        partitions=partitions,
        offsets=offsets,
        appended_ms=appended_ms,
        visible_ns=visible_ns,
        keys=keys,
        identity=columns[FIRST:names],
        values=columns[names:],
        strangers={int(np.searchsorted(numbers, row)): key for row, key in strangers.items()},
        malformed=malformed,
        repeated=repeated,
    )


FIRST = 6
"""Of a line that a Reader makes, the place of the first integer of `query.identity`."""


class RowReader:
    """Reads rows piece by piece, so that few parsed objects are alive at a time.

    strangers: the keys that the stream does not have, by number of the row. malformed: the rows that cannot be read.
    """

    def __init__(self, query: Query, labels: Sequence[str], shifts: Mapping[str, int] = NO_SHIFTS) -> None:
        """shifts: by how much columns were moved up on the way to the engine."""
        self._query, self._shifts = query, shifts
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
        self._decode_all = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]
        self._colons = 1 + len(names)
        self._getters = [attrgetter(names[field]) for field in (*query.identity, *query.fields)]
        # Rows for control keys are never judged, even if a stream had one.
        self._index = {label: number for number, label in enumerate(labels) if not label.startswith(CONTROL)}
        self._lines: list[Integers] = []
        self.strangers: dict[int, str] = {}
        self.malformed: list[Malformed] = []

    def read(self, first: int, table: pa.Table) -> None:
        """Rows of the table `output`, numbered from `first`."""
        for start in range(0, table.num_rows, _PIECE):
            self._read(first + start, table.slice(start, _PIECE))

    def _read(self, first: int, table: pa.Table) -> None:
        beside = {name: _integers(table[name]) for name in ("partition", "offset", "time_ms", "visible_ns")}
        rows, places = self._at_once(table["value"].combine_chunks().cast(pa.binary())), np.arange(table.num_rows)
        if rows is None:
            rows, places = self._one_by_one(table["value"].to_pylist(), beside)
        found = map(self._index.get, map(attrgetter("key"), rows), repeat(UNKNOWN_KEY))
        keys = np.fromiter(found, dtype=np.int64, count=len(rows))
        if unknown := np.flatnonzero(keys == UNKNOWN_KEY).tolist():
            control = [place for place in unknown if rows[place].key.startswith(CONTROL)]
            strange = set(unknown).difference(control)
            self.strangers |= {first + int(places[place]): rows[place].key for place in strange}
            kept = np.delete(np.arange(len(rows)), control)
            rows, places, keys = [rows[place] for place in kept], places[kept], keys[kept]
        lines = np.empty((len(rows), FIRST + len(self._getters)), dtype=np.int64)
        lines[:, 0] = places + first
        for line, name in enumerate(beside, 1):
            lines[:, line] = beside[name][places]
        lines[:, FIRST - 1] = keys
        for line, getter in enumerate(self._getters, FIRST):
            lines[:, line] = np.fromiter(map(getter, rows), dtype=np.int64, count=len(rows))
        move_back(self._query, self._shifts, lines.T[FIRST + len(self._query.identity) :])
        self._lines.append(lines)

    def _at_once(self, values: pa.Array) -> list[Any] | None:
        """The rows of all values, where each is one object without others in it, and as it should be; else None.

        The values are read as one array. If each of n values begins with the one opening brace that it has and ends
        with its one closing brace, and the array has n objects, then each value is one of them. Every field is there,
        so it is there once if there are no more colons than fields.
        """
        text = pc.binary_join(pa.ListArray.from_arrays([0, len(values)], values), b",")[0].as_py()
        if not len(values) or text is None or not _braced(values):
            return None
        if any(text.count(sign) != len(values) for sign in (b"{", b"}")) or text.count(b":") != self._colons * len(
            values
        ):
            return None
        try:
            rows: list[Any] = self._decode_all(b"[" + text + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return rows if len(rows) == len(values) else None

    def _one_by_one(self, values: list[Any], beside: Mapping[str, Integers]) -> tuple[list[Any], Integers]:
        """The rows that can be read, and the places of their values; others are noted."""
        rows: list[Any] = []
        places: list[int] = []
        for place, value in enumerate(values):
            try:
                row: Any = self._decode(value)
            except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError) as error:
                self._strange(value, beside, place, str(error))
                continue
            # The decoder takes the last of several. There may be colons in texts, too.
            if value.count(b":") != self._colons and (twice := _repeated_name(value)) is not None:
                self._strange(value, beside, place, f"{twice!r} is there twice")
                continue
            rows.append(row)
            places.append(place)
        return rows, np.array(places, dtype=np.int64)

    def lines(self) -> Integers:
        """A line for each row that was read since this was asked last. It has the row's number, partition, offset, time
        of append (epoch ms), time at which it became visible (ns), key (index), and the integers of identity and
        fields.
        """
        width = FIRST + len(self._getters)
        lines = np.concatenate(self._lines) if self._lines else np.empty((0, width), dtype=np.int64)
        self._lines.clear()
        return lines

    def _strange(self, value: bytes | None, beside: Mapping[str, Integers], place: int, why: str) -> None:
        """Note a value that is no row, unless it is one for a control key after all."""
        if _control(value):
            return
        partition, offset, visible_ns = (int(beside[name][place]) for name in ("partition", "offset", "visible_ns"))
        self.malformed.append(Malformed(partition, offset, visible_ns, _text(value), f"not a row of the query: {why}"))


def _braced(values: pa.Array) -> bool:
    """Whether each of these texts, none of which is null, begins and ends with a brace."""
    _, offsets, content = values.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1]
    text = np.frombuffer(content, dtype=np.uint8) if content is not None else np.empty(0, dtype=np.uint8)
    if np.any(ends[1:] == ends[:-1]):
        return False
    return bool(np.all(text[ends[:-1]] == ord("{")) and np.all(text[ends[1:] - 1] == ord("}")))


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
