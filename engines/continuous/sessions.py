"""Session windows: for each key its open sessions, oldest first; nearly always one or two."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from workloads.query import Aggregate, Query, Session

from .accumulators import Accumulators, Held
from .shape import Aggregating

_LINES = """
if time + {delay} < latest:
    shape.settle(latest - {delay})
found = sessions.get(key)
if found is not None:
    {names}, = found[-1]
    if time >= h1 + {gap}:
        found.append(({initial},))
        continue
    if time >= h0:
        found[-1] = ({update},)
        continue
elif time + {gap} + {delay} > latest:
    sessions[key] = [({initial},)]
    end = dues[key] = time + {gap}
    if end in looks:
        looks[end].append(key)
    else:
        looks[end] = [key]
        push(queue, end)
    continue
shape.place(key, time, ({initial},), latest - {delay})
"""


_FIRST = "h0 if h0 < time else time"


class Sessions(Aggregating):
    """A session is a tuple of accumulators, of which the first two are its first and its last time. It is open while
    the watermark is below last + gap; events of a key less than the gap apart are one session if the first is open when
    the other comes.

    An event that is not behind the watermark lies a gap or more from every session that is not open any more. So it is
    enough to close sessions when a slice of the log is over, or before an event that is behind the watermark.
    """

    setup = "sessions, dues, looks, queue, push = shape.sessions, shape.dues, shape.looks, shape.queue, shape.push"

    def __init__(self, query: Query, window: Session, outputs: tuple[Aggregate, ...]) -> None:
        bounds = Aggregate("first", "min", query.time), Aggregate("last", "max", query.time)
        super().__init__(query, Accumulators((*bounds, *outputs)))
        self._gap, self._time = window.gap_ms, query.time
        self.columns = [column for column in self.columns if column != query.time]
        self.sessions: dict[str, list[Held]] = {}
        self.state_type = dict[str, list[self.accumulators.type]]  # type: ignore[name-defined]
        # By key, the watermark at which to look at it; by watermark, the keys, with entries that hold no longer; and
        # those watermarks as a heap. An event that prolongs a session leaves all three alone: what is found to be open
        # is looked at again later.
        self.dues: dict[str, int] = {}
        self.looks: dict[int, list[str]] = {}
        self.queue: list[int] = []
        self.push = heappush

    def lines(self, name: Callable[[str], str]) -> str:
        def variable(column: str) -> str:
            return "time" if column == self._time else name(column)

        return _LINES.format(
            gap=self._gap,
            delay=self._delay,
            names=self.accumulators.names,
            # The first time stays: what comes before it goes to `place`.
            update=self.accumulators.update(variable).replace(_FIRST, "h0", 1),
            initial=self.accumulators.initial(variable),
        )

    def place(self, key: str, time: int, held: Held, mark: int) -> None:
        """Put an event that comes before its key's newest session where it belongs."""
        gap, sessions = self._gap, self.sessions.get(key, [])
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
        end = held[1] + gap
        if not before and end < self.dues[key]:
            self._look(key, end)

    def _look(self, key: str, end: int) -> None:
        """Look at a key when the watermark is at `end`."""
        self.dues[key] = end
        keys = self.looks.get(end)
        if keys is None:
            self.looks[end] = [key]
            heappush(self.queue, end)
        else:
            keys.append(key)

    def settle(self, mark: int) -> None:
        queue, gap = self.queue, self._gap
        closed: list[tuple[str, Held]] = []
        while queue and queue[0] <= mark:
            due = heappop(queue)
            for key in self.looks.pop(due):
                if self.dues.get(key) != due:
                    continue
                sessions = self.sessions[key]
                while sessions and sessions[0][1] + gap <= mark:
                    closed.append((key, sessions.pop(0)))
                if sessions:
                    self._look(key, sessions[0][1] + gap)
                else:
                    del self.dues[key], self.sessions[key]
        if closed:
            row, finish = self.row, self.accumulators.finish
            if finish is not None:
                closed = [(key, finish(held)) for key, held in closed]
            self.rows += [row(key, held[0], held[1] + gap, *held[2:]) for key, held in closed]

    @property
    def state(self) -> dict[str, list[Held]]:
        return self.sessions

    def restore(self, state: dict[str, list[Held]], mark: int) -> None:  # noqa: ARG002
        self.sessions.update(state)
        for key, sessions in state.items():
            self._look(key, sessions[0][1] + self._gap)
