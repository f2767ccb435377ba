"""What the built-in runners make of late events, in plain Python: each event judged by the watermark at its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.conformance.reference import Event, Row, rows
from workloads.query import Condition, Join, Query, Session, Sliding, Tumbling, Windowed


def rows_and_late(query: Query, events: Sequence[Event]) -> tuple[list[Row], int]:
    """Rows that are due when the events are over, in no order, and the number of events dropped as late.

    For queries of one time window, a join, or a deduplication, without a filter.
    """
    latest, judge = -1, _judge(query)
    for event in events:
        latest = max(latest, event[query.time])
        judge.take(event, latest - query.watermark_delay_ms)
    return judge.rows, judge.late


def _judge(query: Query) -> Any:
    match query.shape:
        case _ if query.deduplicate:
            return _Deduplication(query)
        case Windowed(window=Session()):
            return _Sessions(query)
        case Windowed():
            return _Grid(query)
        case Join():
            return _Join(query)
    raise TypeError(f"nothing is late for {query.shape}")


class _Judge:
    def __init__(self, query: Query) -> None:
        self.query, self.rows, self.late = query, [], 0


class _Grid(_Judge):
    def __init__(self, query: Query) -> None:
        super().__init__(query)
        assert isinstance(query.shape, Windowed)
        match query.shape.window:
            case Tumbling(size_ms=size):
                self.size, self.slide = size, size
            case Sliding(size_ms=size, slide_ms=slide):
                self.size, self.slide = size, slide
        self.open: dict[tuple[int, str], list[Event]] = {}

    def take(self, event: Event, mark: int) -> None:
        for start, key in list(self.open):
            if start + self.size <= mark:
                members = self.open.pop((start, key))
                self.rows += [row for row in rows(self.query, members) if row["start"] == start]
        newest = event[self.query.time] // self.slide * self.slide
        starts = [newest - back for back in range(0, self.size, self.slide)]
        starts = [start for start in starts if start + self.size > mark]
        self.late += not starts
        for start in starts:
            self.open.setdefault((start, event[self.query.key]), []).append(event)


class _Sessions(_Judge):
    def __init__(self, query: Query) -> None:
        super().__init__(query)
        self.open: list[list[Event]] = []

    def take(self, event: Event, mark: int) -> None:
        time, key, gap = self.query.time, self.query.key, self.query.shape.window.gap_ms
        for session in list(self.open):
            if max(one[time] for one in session) + gap <= mark:
                self.open.remove(session)
                self.rows += rows(self.query, session)
        near = [
            session
            for session in self.open
            if session[0][key] == event[key] and min(abs(one[time] - event[time]) for one in session) < gap
        ]
        if not near and event[time] + gap <= mark:
            self.late += 1
            return
        self.open = [session for session in self.open if session not in near]
        self.open.append([one for session in near for one in session] + [event])


class _Join(_Judge):
    def __init__(self, query: Query) -> None:
        super().__init__(query)
        self.kept: list[Event] = []

    def last_partner(self, event: Event) -> int:
        join, time = self.query.shape, event[self.query.time]
        return time + join.upper_ms if _meets(join.left, event) else time - join.lower_ms

    def take(self, event: Event, mark: int) -> None:
        join = self.query.shape
        if not _meets(join.left, event) and not _meets(join.right, event):
            return
        if self.last_partner(event) < mark:
            self.late += 1
            return
        self.kept = [one for one in self.kept if self.last_partner(one) >= mark]
        for other in self.kept:
            self.rows += rows(self.query, [other, event])
        self.kept.append(event)


class _Deduplication(_Judge):
    """Drops no event as late, but forgets what it let through."""

    def __init__(self, query: Query) -> None:
        super().__init__(query)
        self.kept: dict[tuple[Any, ...], int] = {}

    def take(self, event: Event, mark: int) -> None:
        rule = self.query.deduplicate
        assert rule is not None
        value = (event[self.query.key], *(event[column] for column in rule.columns))
        end = self.kept.get(value, -rule.within_ms) + rule.within_ms
        if value not in self.kept or event[self.query.time] >= end or end <= mark:
            self.kept[value] = event[self.query.time]
            self.rows += rows(replace(self.query, deduplicate=None), [event])


def _meets(conditions: Sequence[Condition], event: Event) -> bool:
    return all(condition.comparator == "=" and event[condition.column] == condition.value for condition in conditions)
