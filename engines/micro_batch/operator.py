"""A batch at a time: events as numpy columns, filtered, deduplicated, and taken in by the query's shape."""

from __future__ import annotations

import msgspec
import numpy as np

from engines.runtime.connector import Results, Slice
from engines.runtime.rows import row_type
from workloads.query import (
    Count,
    Join,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    StateMachine,
    Tumbling,
    Until,
    Windowed,
)

from .accumulators import NONE
from .columns import ColumnDecoder, Columns
from .deduplication import Deduplication
from .expressions import all_hold, derive
from .joins import IntervalJoin
from .labels import Labels
from .sequences import CountWindows, DataDrivenWindows, Machines, Projection, RunningAggregates
from .sessions import Sessions
from .shape_operator import Batch, Rows, ShapeOperator, State
from .windows import Windows
from .words import Integers

_FOLD_RECORDS = 16_384
_SPARE_LABELS = 65_536


class _Snapshot(msgspec.Struct):
    """An operator's state. Arrays are int64 values in this machine's byte order."""

    latest: int
    """The largest event time seen, epoch ms; -1 before the first event."""
    late: int
    """Events dropped as late so far."""
    broken: int
    """Records skipped so far because they are no events."""
    labels: list[str]
    """Texts of the keys that some state holds; a code is an index into them."""
    codes: list[bytes]
    """Arrays of the shape's state that hold codes of labels."""
    numbers: list[bytes]
    """Arrays of the shape's state that hold anything else."""
    kept: tuple[list[bytes], list[bytes]] | None
    """The same two of the deduplication: codes and numbers. None where the query has none."""


def shape_of(query: Query) -> ShapeOperator:
    match query.shape:
        case Windowed(window=Tumbling() | Sliding() as window, outputs=outputs, top=top):
            return Windows(query, window, outputs, top)
        case Windowed(window=Session() as window, outputs=outputs):
            return Sessions(query, window, outputs)
        case Windowed(window=Count() as window, outputs=outputs):
            return CountWindows(window, outputs)
        case Windowed(window=Until() as window, outputs=outputs):
            return DataDrivenWindows(window, outputs)
        case Running() as shape:
            return RunningAggregates(shape)
        case Project() as shape:
            return Projection(shape)
        case Join() as shape:
            return IntervalJoin(query, shape)
        case StateMachine() as shape:
            return Machines(query, shape)
        case _:
            raise TypeError(f"no shape of query: {query.shape!r}")


class Operator:
    """See `engines.runtime.operator`."""

    def __init__(self, query: Query, partition: int, state: bytes | None) -> None:
        self._query, self._partition = query, partition
        self._decoder = ColumnDecoder(query, Labels())
        self._shape = shape_of(query)
        self._deduplication = Deduplication(query.deduplicate, query.time) if query.deduplicate else None
        self._row = row_type(query)
        self._encoder = msgspec.json.Encoder()
        self._pending: list[Slice] = []
        self._records = 0
        self._keys: list[bytes] = []
        self._rows: list[bytes] = []
        self._latest, self.broken = -1, 0
        self._most_labels = _SPARE_LABELS
        if state:
            self._restore(msgspec.msgpack.decode(state, type=_Snapshot))

    def _restore(self, snapshot: _Snapshot) -> None:
        self._latest, self.broken, self._shape.late = snapshot.latest, snapshot.broken, snapshot.late
        self._decoder.labels = Labels(snapshot.labels)
        mark = self._latest - self._query.watermark_delay_ms
        self._shape.restore(State(_arrays(snapshot.codes), _arrays(snapshot.numbers)), mark)
        if self._deduplication and snapshot.kept:
            codes, numbers = snapshot.kept
            self._deduplication.restore(State(_arrays(codes), _arrays(numbers)))

    @property
    def late(self) -> int:
        return self._shape.late

    def feed(self, part: Slice) -> None:
        self._pending.append(part)
        self._records += part.count
        if self._records >= _FOLD_RECORDS:
            self._fold()

    def _fold(self) -> None:
        """Take the pending slices in, and every row that is due out."""
        pending, self._pending, self._records = self._pending, [], 0
        if not pending:
            return
        columns, broken = self._decoder.decode(pending)
        self.broken += broken
        if not len(columns.keys):
            return
        for rows in self._shape.add(self._prepared(columns)):
            self._emit(rows)
        if len(self._decoder.labels) > self._most_labels:
            self._forget()

    def _prepared(self, columns: Columns) -> Batch:
        # An event is late by the watermark at its own place, not by the one at the end of the batch: so the rows do
        # not depend on where batches are cut.
        query, count = self._query, len(columns.keys)
        latest = np.maximum.accumulate(columns.values[query.time])
        np.maximum(latest, self._latest, out=latest)
        self._latest = int(latest[-1])
        marks, mark = latest - query.watermark_delay_ms, self._latest - query.watermark_delay_ms
        if query.where:
            passed = np.flatnonzero(all_hold(query.where, columns.values, count))
            columns, marks, count = columns.take(passed), marks[passed], len(passed)
        derived = {linear.name: derive(linear, columns.values, count) for linear in query.derived}
        batch = Batch(Columns(columns.keys, columns.values | derived), marks, mark)
        if self._deduplication is None:
            return batch
        first = self._deduplication.first(batch)
        return Batch(batch.columns.take(first), marks[first], mark)

    def _emit(self, rows: Rows) -> None:
        labels, codes = self._decoder.labels, rows.codes.tolist()
        if not codes:
            return
        texts, names = labels.texts, labels.bytes
        self._keys += [names[code] for code in codes]
        keys = [texts[code] for code in codes]
        made = list(map(self._row, keys, *(column.tolist() for column in rows.columns)))
        self._rows.append(self._encoder.encode_lines(made).rstrip())

    def _states(self) -> tuple[State, State | None]:
        return self._shape.state(), self._deduplication.state() if self._deduplication else None

    def _live(self) -> Integers:
        """Codes that some state holds, in order."""
        shape, kept = self._states()
        return np.unique(np.concatenate([NONE, *shape.codes, *(kept.codes if kept else [])]))

    def _forget(self) -> None:
        """Drop the labels of keys without state, where they are more than half of many."""
        live = self._live()
        self._most_labels = 2 * len(live) + _SPARE_LABELS
        if len(self._decoder.labels) <= self._most_labels:
            return
        shape, kept = self._states()
        texts = self._decoder.labels.texts
        self._decoder.labels = Labels(texts[code] for code in live.tolist())
        self._shape.restore(_renumbered(shape, live), self._latest - self._query.watermark_delay_ms)
        if self._deduplication and kept:
            self._deduplication.restore(_renumbered(kept, live))

    def results(self) -> Results | None:
        self._fold()
        if not self._keys:
            return None
        results = Results(self._partition, self._keys, b"\n".join(self._rows))
        self._keys, self._rows = [], []
        return results

    def snapshot(self) -> bytes:
        live = self._live()
        shape, kept = (_renumbered(state, live) if state else None for state in self._states())
        texts = self._decoder.labels.texts
        snapshot = _Snapshot(
            self._latest,
            self.late,
            self.broken,
            [texts[code] for code in live.tolist()],
            _bytes(shape.codes) if shape else [],
            _bytes(shape.numbers) if shape else [],
            (_bytes(kept.codes), _bytes(kept.numbers)) if kept else None,
        )
        return msgspec.msgpack.encode(snapshot)


def _renumbered(state: State, live: Integers) -> State:
    return State([np.searchsorted(live, codes) for codes in state.codes], state.numbers)


def _bytes(arrays: list[Integers]) -> list[bytes]:
    return [array.astype(np.int64, copy=False).tobytes() for array in arrays]


def _arrays(arrays: list[bytes]) -> list[Integers]:
    # Copies, because some state changes in place.
    return [np.frombuffer(array, np.int64).copy() for array in arrays]
