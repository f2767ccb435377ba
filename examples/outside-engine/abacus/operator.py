"""What a query means for the records of one partition, one after the other."""

from __future__ import annotations

import json
from typing import Any

from workloads.control import holds
from workloads.query import ID, Aggregate, Column, Project, Query, Tumbling, Windowed

Event = dict[str, Any]
Windows = dict[int, dict[str, dict[str, int]]]
"""Open windows: by their start, then by key, the aggregates by name."""

_LIMIT = 2**53


def lacking(query: Query) -> str | None:
    """Why the query cannot be answered, in a phrase; None if it can."""
    if query.deduplicate:
        return "remembers no event, so it cannot tell that one came before"
    match query.shape:
        case Project():
            return None
        case Windowed(window=Tumbling(), top=None, aggregates=aggregates):
            if any(aggregate.function == "distinct" for aggregate in aggregates):
                return "keeps sums only, so it cannot count distinct values"
            return None
    return "knows single records and tumbling windows only"


class Operator:
    """Answers a query for one partition. The same records in the same order give the same rows."""

    def __init__(self, query: Query, state: dict[str, Any] | None) -> None:
        """Begin anew, or from what `state` gave."""
        self._query = query
        self._window = query.time_window
        known = state or {"latest": 0, "late": 0, "broken": 0, "windows": {}}
        self._latest: int = known["latest"]
        self._late: int = known["late"]
        self._broken: int = known["broken"]
        # JSON's names are texts.
        self._windows: Windows = {int(start): keys for start, keys in known["windows"].items()}
        self._keys: list[bytes] = []
        self._rows: list[bytes] = []

    def state(self) -> dict[str, Any]:
        """All that was taken and not given out by `due`, for JSON."""
        return {"latest": self._latest, "late": self._late, "broken": self._broken, "windows": self._windows}

    def due(self) -> tuple[list[bytes], list[bytes]]:
        """Keys and rows that came due since the last call."""
        keys, rows, self._keys, self._rows = self._keys, self._rows, [], []
        return keys, rows

    def take(self, record: bytes) -> None:
        """Take one record in. One that is no event of the query is counted and skipped."""
        query = self._query
        event = _event(query.columns, record)
        if event is None:
            self._broken += 1
            return
        # Time passes with every event, also with one that the filter leaves out.
        if event[query.time] > self._latest:
            self._latest = event[query.time]
            self._close()
        if not all(holds(condition, event[condition.column]) for condition in query.where):
            return
        for linear in query.derived:
            total = linear.constant + sum(weight * event[column] for column, weight in linear.weights)
            event[linear.name] = total // linear.divisor
        match query.shape:
            case Project():
                self._give(event[query.key], {name: event[name] for name in (ID, *query.fields)})
            case Windowed(window=Tumbling(size_ms=size), outputs=outputs):
                self._count(event, event[query.time] // size * size, size, outputs)

    def _count(self, event: Event, start: int, size_ms: int, outputs: tuple[Aggregate, ...]) -> None:
        if start + size_ms <= self._watermark:
            self._late += 1
            return
        key = event[self._query.key]
        so_far = self._windows.setdefault(start, {}).setdefault(key, {})
        for output in outputs:
            value = event[output.column] if output.column else 1
            so_far[output.name] = _combined(output, so_far.get(output.name), value)

    @property
    def _watermark(self) -> int:
        return self._latest - self._query.watermark_delay_ms

    def _close(self) -> None:
        """Give out the windows that the watermark has reached, the earliest first."""
        if not isinstance(self._window, Tumbling):
            return
        size_ms = self._window.size_ms
        for start in sorted(start for start in self._windows if start + size_ms <= self._watermark):
            for key, values in self._windows.pop(start).items():
                self._give(key, {"start": start, "end": start + size_ms, **values})

    def _give(self, key: str, fields: dict[str, int]) -> None:
        self._keys.append(key.encode())
        self._rows.append(json.dumps({"key": key, **fields}, ensure_ascii=False).encode())


def _combined(output: Aggregate, so_far: int | None, value: int) -> int:
    if so_far is None:
        return value
    match output.function:
        case "min":
            return min(so_far, value)
        case "max":
            return max(so_far, value)
        case _:
            return so_far + value


def _event(columns: tuple[Column, ...], record: bytes) -> Event | None:
    """The event that a record is; None if it is none: no JSON object, or one without the query's columns."""
    try:
        found = json.loads(record)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict) and all(_fits(column, found.get(column.name)) for column in columns):
        return found
    return None


def _fits(column: Column, value: object) -> bool:
    if column.type == "integer":
        # True is an int to Python, and none to JSON.
        return type(value) is int and 0 <= value < _LIMIT
    # Half of a surrogate pair can be written in JSON, and is no text.
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)
