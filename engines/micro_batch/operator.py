"""A batch at a time: events as numpy columns, folded into a table of open groups, one row per (window, key)."""

from __future__ import annotations

import msgspec
import numpy as np

from engines.runtime.connector import Results, Slice
from engines.runtime.rows import row_type
from workloads.query import Function, Query

from .columns import ColumnDecoder, Columns
from .labels import Labels
from .words import Integers

_FOLD_RECORDS = 16_384
_DENSE_CELLS = 4
_SPARE_LABELS = 65_536
_LIMIT = 1 << 63

_NEUTRAL: dict[Function, int] = {"count": 0, "sum": 0, "min": _LIMIT - 1, "max": -1}


class _State(msgspec.Struct):
    """A snapshot. windows, codes and each column of held: int64 values in this machine's byte order."""

    latest: int
    late: int
    broken: int
    labels: list[str]
    windows: bytes
    codes: bytes
    held: list[bytes]


def _add_exactly(sums: Integers, groups: Integers, values: Integers) -> Integers:
    """`np.add.at` in Python's integers. Raises OverflowError if a sum does not fit 64 bits."""
    exact = sums.astype(object)
    np.add.at(exact, groups, values.astype(object))
    if max(exact) >= _LIMIT:
        raise OverflowError("a sum does not fit 64 bits; give the query smaller values or shorter windows")
    return exact.astype(np.int64)


class Operator:
    """See `engines.runtime.operator`.

    The table's columns, sorted by window and then by code: _windows, number of the window (its start divided by the
    size); _codes, of the key; _held, one column for each of `query.shape.outputs`.
    """

    def __init__(self, query: Query, partition: int, state: bytes | None) -> None:
        self._query, self._partition = query, partition
        self._size, self._delay = query.shape.window.size_ms, query.watermark_delay_ms
        self._decoder = ColumnDecoder(query, Labels())
        self._row = row_type(query)
        self._encoder = msgspec.json.Encoder()
        self._pending: list[Slice] = []
        self._records = 0
        self._keys: list[bytes] = []
        self._rows: list[bytes] = []
        self.late = self.broken = 0
        self._latest = -1
        self._windows = self._codes = np.empty(0, np.int64)
        self._held: list[Integers] = [self._windows for _ in query.shape.outputs]
        if state:
            self._restore(msgspec.msgpack.decode(state, type=_State))

    def _restore(self, state: _State) -> None:
        self._latest, self.late, self.broken = state.latest, state.late, state.broken
        self._decoder.labels = Labels(state.labels)
        self._windows, self._codes = np.frombuffer(state.windows, np.int64), np.frombuffer(state.codes, np.int64)
        self._held = [np.frombuffer(column, np.int64) for column in state.held]

    def feed(self, part: Slice) -> None:
        self._pending.append(part)
        self._records += part.count
        if self._records >= _FOLD_RECORDS:
            self._fold()

    def _fold(self) -> None:
        """Take the pending slices into the table, and every group that is due out of it."""
        pending, self._pending, self._records = self._pending, [], 0
        if not pending:
            return
        columns, broken = self._decoder.decode(pending)
        self.broken += broken
        if not len(columns.keys):
            return
        # An event is late by the watermark at its own place, not by the one at the end of the batch: so the rows do
        # not depend on where batches are cut.
        latest = np.maximum.accumulate(columns.values[self._query.time])
        np.maximum(latest, self._latest, out=latest)
        windows = columns.values[self._query.time] // self._size
        late = (windows + 1) * self._size <= latest - self._delay
        self._latest = int(latest[-1])
        if late.any():
            self.late += int(np.count_nonzero(late))
            columns, windows = columns.take(~late), windows[~late]
        self._add(windows, columns)
        self._close()

    def _add(self, windows: Integers, columns: Columns) -> None:
        """Merge events into the table."""
        if not len(windows):
            return
        both = np.concatenate((self._windows, windows))
        codes = np.concatenate((self._codes, columns.keys))
        base, wide = int(both.min()), len(self._decoder.labels)
        cells = (int(both.max()) - base + 1) * wide
        if cells <= _DENSE_CELLS * len(both) + _FOLD_RECORDS:
            groups, present = (both - base) * wide + codes, None
        else:
            # Too thin for an array of all windows and keys: number the groups that occur.
            numbers, windows_at = np.unique(both, return_inverse=True)
            present, groups = np.unique(windows_at * wide + codes, return_inverse=True)
            cells = len(present)
        known = len(self._windows)
        held = [
            self._aggregate(output.function, groups, known, cells, old, columns.values.get(output.column or ""))
            for output, old in zip(self._query.shape.outputs, self._held, strict=True)
        ]
        if present is None:
            present = np.flatnonzero(np.bincount(groups, minlength=cells))
            self._windows, self._codes = present // wide + base, present % wide
            self._held = [column[present] for column in held]
        else:
            self._windows, self._codes = numbers[present // wide], present % wide
            self._held = held

    def _aggregate(
        self, function: Function, groups: Integers, known: int, cells: int, old: Integers, values: Integers | None
    ) -> Integers:
        """One output column over all cells: the first `known` groups hold `old`, the rest belong to events."""
        result: Integers = np.full(cells, _NEUTRAL[function], np.int64)
        result[groups[:known]] = old
        new = groups[known:]
        if values is None:
            result += np.bincount(new, minlength=cells)
        elif function == "sum":
            if int(values.max()) * len(values) + int(old.max(initial=0)) < _LIMIT:
                np.add.at(result, new, values)
            else:
                result = _add_exactly(result, new, values)
        elif function == "min":
            np.minimum.at(result, new, values)
        else:
            np.maximum.at(result, new, values)
        return result

    def _close(self) -> None:
        """Turn the groups that are due, which the table begins with, into rows."""
        due = int(np.searchsorted(self._windows, (self._latest - self._delay) // self._size, side="left"))
        if not due:
            return
        labels = self._decoder.labels
        codes = self._codes[:due].tolist()
        starts = self._windows[:due] * self._size
        held = [column[:due].tolist() for column in self._held]
        texts, names = labels.texts, labels.bytes
        self._keys += [names[code] for code in codes]
        keys = [texts[code] for code in codes]
        rows = list(map(self._row, keys, starts.tolist(), (starts + self._size).tolist(), *held))
        self._rows.append(self._encoder.encode_lines(rows).rstrip())
        self._windows, self._codes = self._windows[due:], self._codes[due:]
        self._held = [column[due:] for column in self._held]
        if len(labels) > 2 * len(self._codes) + _SPARE_LABELS:
            self._forget()

    def _forget(self) -> None:
        """Drop the labels of keys that have no open group."""
        texts = self._decoder.labels.texts
        codes, self._codes = np.unique(self._codes, return_inverse=True)
        self._decoder.labels = Labels(texts[code] for code in codes.tolist())

    def results(self) -> Results | None:
        self._fold()
        if not self._keys:
            return None
        results = Results(self._partition, self._keys, b"\n".join(self._rows))
        self._keys, self._rows = [], []
        return results

    def snapshot(self) -> bytes:
        labels = self._decoder.labels
        codes, places = np.unique(self._codes, return_inverse=True)
        state = _State(
            self._latest,
            self.late,
            self.broken,
            [labels.texts[code] for code in codes.tolist()],
            self._windows.tobytes(),
            places.astype(np.int64).tobytes(),
            [column.tobytes() for column in self._held],
        )
        return msgspec.msgpack.encode(state)
