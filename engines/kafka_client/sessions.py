"""Sessions: a key's events with less than a gap between one and the next.

An event that touches an open session is part of it, however old; any other is late once a session of its own would
have been answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engines.sequence import Event
from workloads.query import Query, Session, Windowed

from .aggregation import Aggregation, Totals
from .changelog import Name
from .deadlines import Deadlines
from .journal import Journal
from .operator import Row


@dataclass
class _Session:
    """first, last: event times, epoch ms."""

    first: int
    last: int
    totals: Totals


class Sessions:
    """Open sessions by key. Its entries are called (key,)."""

    def __init__(self, query: Query, shape: Windowed, window: Session) -> None:
        self.late = 0
        self.journal = Journal("session")
        self.tables = (self,)
        self._time, self._key, self._gap = query.time, query.key, window.gap_ms
        self._aggregation = Aggregation(shape.outputs)
        self._open: dict[str, list[_Session]] = {}
        self._deadlines = Deadlines()

    def take(self, event: Event, watermark: int) -> list[Row]:
        time, key = event[self._time], event[self._key]
        sessions = self._open.get(key, [])
        touched = [one for one in sessions if one.first - self._gap < time < one.last + self._gap]
        if touched:
            self._extend(touched, time, event)
            for one in touched[1:]:
                sessions.remove(one)
            self.journal.change((key,))
        elif time + self._gap <= watermark:
            self.late += 1
        else:
            self._begin(key, _Session(time, time, self._aggregation.first(event)))
        return []

    def advance(self, watermark: int) -> list[Row]:
        rows = []
        for name in self._deadlines.due(watermark):
            (key,) = name
            sessions = sorted(self._open[key], key=lambda one: one.last)
            left = [one for one in sessions if one.last + self._gap > watermark]
            for one in sessions[: len(sessions) - len(left)]:
                bounds = {"start": one.first, "end": one.last + self._gap}
                rows.append({"key": key, **bounds, **self._aggregation.answer(one.totals)})
            if left:
                # Its entry needs no change: whoever restores it sees by the time which sessions are over.
                self._open[key] = left
                self._schedule(key)
            else:
                del self._open[key]
                self.journal.expire(name)
        return rows

    def state(self, name: Name) -> list[Any]:
        (key,) = name
        return [[one.first, one.last, self._aggregation.plain(one.totals)] for one in self._open[key]]

    def restore(self, name: Name, state: list[Any], watermark: int) -> bool:
        (key,) = name
        left = [_Session(first, last, self._aggregation.typed(totals)) for first, last, totals in state]
        left = [one for one in left if one.last + self._gap > watermark]
        if left:
            self._open[key] = left
            self._schedule(key)
        return bool(left)

    def _begin(self, key: str, session: _Session) -> None:
        if key in self._open:
            self._open[key].append(session)
            self.journal.change((key,))
        else:
            self._open[key] = [session]
            self.journal.create((key,))
        self._schedule(key)

    def _extend(self, sessions: list[_Session], time: int, event: Event) -> None:
        """The first of them becomes one session with the event and the others."""
        first, *others = sessions
        self._aggregation.add(first.totals, event)
        for other in others:
            self._aggregation.merge(first.totals, other.totals)
        first.first = min(time, *(one.first for one in sessions))
        first.last = max(time, *(one.last for one in sessions))

    def _schedule(self, key: str) -> None:
        self._deadlines.schedule((key,), min(one.last for one in self._open[key]) + self._gap)
