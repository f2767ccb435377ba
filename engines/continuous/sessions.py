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
held = sessions.get(key)
if held is not None:
    {names}, = held
    if h0 <= time < h1 + {gap}:
        sessions[key] = ({update},)
        continue
    if time >= h1:
        earlier.setdefault(key, []).append(held)
        sessions[key] = ({initial},)
        continue
elif time + {gap} + {delay} > latest:
    sessions[key] = ({initial},)
    end = dues[key] = time + {gap}
    push(queue, (end, key))
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

    setup = "sessions, earlier, dues = shape.sessions, shape.earlier, shape.dues; queue, push = shape.queue, shape.push"

    def __init__(self, query: Query, window: Session, outputs: tuple[Aggregate, ...]) -> None:
        bounds = Aggregate("first", "min", query.time), Aggregate("last", "max", query.time)
        super().__init__(query, Accumulators((*bounds, *outputs)))
        self._gap, self._time = window.gap_ms, query.time
        self.columns = [column for column in self.columns if column != query.time]
        self.sessions: dict[str, Held] = {}
        self.earlier: dict[str, list[Held]] = {}
        self.state_type = dict[str, list[self.accumulators.type]]  # type: ignore[name-defined]
        # By key, the watermark at which to look at it; and these with their keys as a heap, with entries that hold no
        # longer. An event that prolongs a session leaves both alone: what is found to be open is looked at again later.
        self.dues: dict[str, int] = {}
        self.queue: list[tuple[int, str]] = []
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
        end = held[1] + gap
        if not before and end < self.dues[key]:
            self._look(key, end)

    def _look(self, key: str, end: int) -> None:
        """Look at a key when the watermark is at `end`."""
        self.dues[key] = end
        heappush(self.queue, (end, key))

    def settle(self, mark: int) -> None:
        queue, gap, sessions, earlier, dues = self.queue, self._gap, self.sessions, self.earlier, self.dues
        closed: list[tuple[str, Held]] = []
        while queue and queue[0][0] <= mark:
            due, key = heappop(queue)
            if dues.get(key) != due:
                continue
            if key in earlier:
                self._settle_several(key, mark, closed)
                continue
            held = sessions[key]
            end = held[1] + gap
            if end <= mark:
                closed.append((key, held))
                del dues[key], sessions[key]
            else:
                dues[key] = end
                heappush(queue, (end, key))
        if closed:
            row, finish = self.row, self.accumulators.finish
            if finish is not None:
                closed = [(key, finish(held)) for key, held in closed]
            self.rows += [row(key, first, last + gap, *values) for key, (first, last, *values) in closed]

    def _settle_several(self, key: str, mark: int, closed: list[tuple[str, Held]]) -> None:
        """The same for a key with several open sessions."""
        sessions = self._all(key)
        while sessions and sessions[0][1] + self._gap <= mark:
            closed.append((key, sessions.pop(0)))
        if sessions:
            self._keep(key, sessions)
            self._look(key, sessions[0][1] + self._gap)
        else:
            del self.dues[key], self.sessions[key], self.earlier[key]

    @property
    def state(self) -> dict[str, list[Held]]:
        return {key: self._all(key) for key in self.sessions}

    def restore(self, state: dict[str, list[Held]], mark: int) -> None:  # noqa: ARG002
        for key, sessions in state.items():
            self._keep(key, sessions)
            self._look(key, sessions[0][1] + self._gap)
