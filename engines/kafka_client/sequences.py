"""Shapes that take a key's events in the log's order: count and data-driven windows, running aggregates, machines."""

from __future__ import annotations

from engines.sequence import Event, State, step
from workloads.query import Query, StateMachine

from .changelog import Name
from .deadlines import Deadlines
from .journal import Journal
from .operator import Row


class Sequences:
    """States by key. Its entries are called (key,).

    Nothing is late. A key's state stays as long as its next event may depend on it: for ever, but for machines, whose
    matches end by time.
    """

    def __init__(self, query: Query) -> None:
        """Raises ValueError if the query's answer does not depend on the order of events."""
        self.late = 0
        self.journal = Journal("sequence")
        self.tables = (self,)
        self._key = query.key
        self._step = step(query)
        self._within = query.shape.within_ms if isinstance(query.shape, StateMachine) else None
        self._states: dict[str, State] = {}
        self._deadlines = Deadlines()

    def take(self, event: Event, watermark: int) -> list[Row]:  # noqa: ARG002
        key = event[self._key]
        before = self._states.get(key)
        state, rows = self._step(before, event)
        if state is not None:
            self._states[key] = state
            self._schedule(key, state)
            if before is None:
                self.journal.create((key,))
            else:
                self.journal.change((key,))
        elif before is not None:
            del self._states[key]
            self.journal.end((key,))
        return [{"key": key, **row} for row in rows]

    def advance(self, watermark: int) -> list[Row]:
        for name in self._deadlines.due(watermark):
            (key,) = name
            state = self._states.get(key)
            if state is None:
                continue
            if self._over(state, watermark):
                del self._states[key]
                self.journal.expire(name)
            else:
                self._schedule(key, state)
        return []

    def state(self, name: Name) -> State:
        (key,) = name
        return self._states[key]

    def restore(self, name: Name, state: State, watermark: int) -> bool:
        if self._over(state, watermark):
            return False
        (key,) = name
        self._states[key] = state
        self._schedule(key, state)
        return True

    def _schedule(self, key: str, state: State) -> None:
        if self._within is not None:
            self._deadlines.schedule((key,), _began(state) + self._within + 1)

    def _over(self, state: State, watermark: int) -> bool:
        """Whether any event from the watermark on finds the machine in its initial state again."""
        return self._within is not None and watermark - _began(state) > self._within


def _began(state: State) -> int:
    """When a machine's match began, epoch ms. Its state is [state, id and time of the event that began the match]."""
    _, _, time = state
    return int(time)
