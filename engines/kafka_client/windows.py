"""The operator: tumbling windows of one input partition, in plain dictionaries.

The watermark is the partition's own: its largest event time less the query's delay. A window is answered as soon as an
event brings the watermark to its end, and an event that comes for it later is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from workloads.query import Query

from . import changelog
from .changelog import State


class Event(Protocol):
    """A record of the input: kafka-python's ConsumerRecord is one."""

    @property
    def offset(self) -> int: ...

    @property
    def value(self) -> bytes: ...


class Windows:
    """One partition's open windows; `offset` is the input offset after the last event taken, None before the first."""

    def __init__(self, query: Query, state: State) -> None:
        """state: what to go on from; taken over, not copied."""
        self.offset = state.offset
        self._time, self._key, self._size = query.time, query.key, query.shape.window.size_ms
        self._delay = query.watermark_delay_ms
        self._names = [output.name for output in query.shape.outputs]
        slots = {
            function: [
                (slot, output.column) for slot, output in enumerate(query.shape.outputs) if output.function == function
            ]
            for function in ("count", "sum", "min", "max")
        }
        self._counts = [slot for slot, _ in slots["count"]]
        self._sums, self._minima, self._maxima = slots["sum"], slots["min"], slots["max"]
        self._latest = state.latest
        self._open = state.open
        self._next_end = min(self._open, default=0) + self._size
        self._committed = state.offset
        self._changed: dict[int, set[str]] = {start: set() for start in state.open}
        self._written = {start: set(totals) for start, totals in state.open.items()}
        """Keys of open windows that the changelog has entries of."""
        self._closing: list[changelog.Name] = []
        self._closed = state.closed

    def process(self, records: Iterable[Event]) -> list[tuple[bytes, bytes]]:
        """Take events in log order. Returns the rows that became due, as record key and JSON."""
        rows: list[tuple[bytes, bytes]] = []
        loads, size, delay = json.loads, self._size, self._delay
        time_column, key_column = self._time, self._key
        counts, sums, minima, maxima = self._counts, self._sums, self._minima, self._maxima
        for record in records:
            event = loads(record.value)
            time = event[time_column]
            if time > self._latest:
                self._latest = time
                if self._open and time - delay >= self._next_end:
                    rows += self._close(time - delay)
            self.offset = record.offset + 1
            start = time - time % size
            if start + size <= self._latest - delay:
                continue
            window = self._open.get(start)
            if window is None:
                window = self._open[start] = {}
                self._changed[start] = set()
                self._written[start] = set()
                self._next_end = min(self._open) + size
            key = event[key_column]
            self._changed[start].add(key)
            totals = window.get(key)
            if totals is None:
                totals = window[key] = [0] * len(self._names)
                for slot, column in minima:
                    totals[slot] = event[column]
            for slot in counts:
                totals[slot] += 1
            for slot, column in sums:
                totals[slot] += event[column]
            for slot, column in minima:
                if event[column] < totals[slot]:
                    totals[slot] = event[column]
            for slot, column in maxima:
                if event[column] > totals[slot]:
                    totals[slot] = event[column]
        return rows

    def changes(self) -> list[changelog.Record]:
        """What the changelog lacks up to `offset`, its commit record last; nothing if no event came since last time."""
        if self.offset is None or self.offset == self._committed:
            return []
        records = [changelog.tombstone(name) for name in self._closed]
        for start, keys in self._changed.items():
            totals = self._open[start]
            records += [changelog.entry((key, start), self.offset, totals[key]) for key in keys]
            self._written[start] |= keys
            keys.clear()
        # An entry is needed until the commit that closes its window is durable: its tombstone goes into the next one.
        self._closed, self._closing = self._closing, []
        self._committed = self.offset
        records.append(changelog.commit(self.offset, self._latest))
        return records

    def _close(self, watermark: int) -> list[tuple[bytes, bytes]]:
        rows = []
        for start in sorted(start for start in self._open if start + self._size <= watermark):
            for key, totals in self._open.pop(start).items():
                row = {"key": key, "start": start, "end": start + self._size}
                row.update(zip(self._names, totals, strict=True))
                rows.append((key.encode(), json.dumps(row, separators=(",", ":")).encode()))
            del self._changed[start]
            self._closing += [(key, start) for key in self._written.pop(start)]
        self._next_end = min(self._open, default=0) + self._size
        return rows
