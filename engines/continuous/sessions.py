"""Session windows: for each key its open sessions, oldest first; nearly always one or two."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from workloads.query import Aggregate, Query, Session

from .accumulators import Accumulators, Held, compiled
from .shape_operator import Aggregating

_LINES = """
if time + {delay} < latest:
    shape.settle(latest - {delay})
held = sessions.get(key)
if held is not None:
    {names}, = held
    if time >= h1:
        if time < h1 + {gap}:
            sessions[key] = (h0, time, {update},)
            continue
        if h1 + {closed} <= latest and key not in earlier:
            rows({row})
        else:
            earlier.setdefault(key, []).append(held)
        sessions[key] = ({initial},)
        continue
    if time >= h0:
        sessions[key] = (h0, h1, {update},)
        continue
elif time + {gap} + {delay} > latest:
    sessions[key] = ({initial},)
    look((time + {gap}, key))
    continue
shape.place(key, time, ({initial},), latest - {delay})
"""

_CLOSED = """
def closed(row, key, held):
    {names}, = held
    return {row}
"""

_FEW = 8
"""Up to this part of the queue, new entries are put in one by one; beyond it, sorting it anew takes less time."""


class Sessions(Aggregating):
    """A session is a tuple of accumulators, of which the first two are its first and its last time. It is open while
    the watermark is below last + gap; events of a key less than the gap apart are one session if the first is open when
    the other comes.

    An event that is not behind the watermark lies a gap or more from every session that is not open any more. So it is
    enough to close sessions when a slice of the log is over, or before an event that is behind the watermark.
    """

    setup = (
        "sessions, earlier, look = shape.sessions, shape.earlier, shape.fresh.append;"
        "rows, row = shape.rows.append, shape.row"
    )

    def __init__(self, query: Query, window: Session, outputs: tuple[Aggregate, ...]) -> None:
        bounds = Aggregate("first", "min", query.time), Aggregate("last", "max", query.time)
        super().__init__(query, Accumulators((*bounds, *outputs)))
        self._gap, self._time = window.gap_ms, query.time
        self.columns = [column for column in self.columns if column != query.time]
        self.sessions: dict[str, Held] = {}
        self.earlier: dict[str, list[Held]] = {}
        self.state_type = dict[str, list[self.accumulators.type]]  # type: ignore[name-defined]
        self._row = f"row(key, h0, h1 + {self._gap}, {', '.join(self.accumulators.values[2:])})"
        self._closed = compiled("closed", _CLOSED.format(names=self.accumulators.names, row=self._row))
        # At which watermark to look at which key, in order, and what is still to be put in order. A key has an entry
        # that is no later than the end of its oldest session. An event that prolongs a session leaves that alone: what
        # is found to be open is looked at again later.
        self.queue: list[tuple[int, str]] = []
        self.fresh: list[tuple[int, str]] = []

    def lines(self, name: Callable[[str], str]) -> str:
        def variable(column: str) -> str:
            return "time" if column == self._time else name(column)

        return _LINES.format(
            gap=self._gap,
            delay=self._delay,
            closed=self._gap + self._delay,
            names=self.accumulators.names,
            update=self.accumulators.update(variable, first=2),
            row=self._row,
            initial=self.accumulators.initial(variable),
        )

    def _all(self, key: str) -> list[Held]:
        """A key's open sessions, oldest first."""
        newest = self.sessions.get(key)
        return [] if newest is None else [*self.earlier.get(key, ()), newest]

    def _keep(self, key: str, sessions: list[Held]) -> None:
        """Let these be the key's sessions, of which there is one at least."""
        *earlier, self.sessions[key] = sessions
        if earlier:
            self.earlier[key] = earlier
        else:
            self.earlier.pop(key, None)

    def place(self, key: str, time: int, held: Held, mark: int) -> None:
        """Put an event that comes before its key's newest session where it belongs."""
        gap, sessions = self._gap, self._all(key)
        # Sessions lie a gap or more apart: it can be near to no more than two, which stand side by side.
        after = len(sessions)
        while after and sessions[after - 1][0] - gap >= time:
            after -= 1
        before = after
        while before and sessions[before - 1][1] + gap > time:
            before -= 1
            held = self.merge(sessions[before], held)
        if before == after and time + gap <= mark:
            self.late += 1
            return
        sessions[before:after] = [held]
        self._keep(key, sessions)
        if before == after == 0:
            self.fresh.append((held[1] + gap, key))

    def _due(self, mark: int) -> list[tuple[int, str]]:
        """Take from the queue what is to be looked at by now."""
        queue, fresh = self.queue, self.fresh
        if len(fresh) * _FEW < len(queue):
            for entry in fresh:
                insort(queue, entry)
        else:
            queue += fresh
            queue.sort()
        fresh.clear()
        count = bisect_left(queue, (mark + 1,))
        due = queue[:count]
        del queue[:count]
        return due

    def settle(self, mark: int) -> None:
        gap, sessions, earlier, look = self._gap, self.sessions, self.earlier, self.fresh.append
        rows, row, closed = self.rows.append, self.row, self._closed
        last = None
        for entry in self._due(mark):
            key = entry[1]
            held = sessions.get(key)
            # A session that was put before the others gave its key one more entry, and one is enough.
            if held is None or entry == last:
                continue
            last = entry
            if key in earlier:
                self._settle_several(key, mark)
                continue
            end = held[1] + gap
            if end <= mark:
                rows(closed(row, key, held))
                del sessions[key]
            else:
                look((end, key))

    def _settle_several(self, key: str, mark: int) -> None:
        """The same for a key with several open sessions."""
        sessions = self._all(key)
        while sessions and sessions[0][1] + self._gap <= mark:
            self.rows.append(self._closed(self.row, key, sessions.pop(0)))
        if sessions:
            self._keep(key, sessions)
            self.fresh.append((sessions[0][1] + self._gap, key))
        else:
            del self.sessions[key], self.earlier[key]

    @property
    def state(self) -> dict[str, list[Held]]:
        return {key: self._all(key) for key in self.sessions}

    def restore(self, state: dict[str, list[Held]], mark: int) -> None:  # noqa: ARG002
        for key, sessions in state.items():
            self._keep(key, sessions)
            self.fresh.append((sessions[0][1] + self._gap, key))
