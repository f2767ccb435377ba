"""Interval join: of each key the events of either side that may still meet one of the other, in order of time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from itertools import islice
from operator import itemgetter

from workloads.query import CHECK, ID, Join, Query

from .loop import conditions_text
from .shape_operator import ShapeOperator

Entry = tuple[int, ...]
"""Of one event: time, id, check, and the columns that the output takes from its side."""

_LINES = """
if {left}:
    shape.meet(key, 0, ({left_entry}), latest - {delay})
elif {right}:
    shape.meet(key, 1, ({right_entry}), latest - {delay})
"""

_LEAST_SPAN_MS = 1_000

_time = itemgetter(0)


class IntervalJoin(ShapeOperator):
    """An event is kept until the watermark has passed all that it could meet; one that comes after that is late. What
    comes behind the watermark before that meets what is still kept at its own place in the log.
    """

    setup = "pass"

    def __init__(self, query: Query, join: Join) -> None:
        super().__init__(query)
        self._join = join
        self._time = query.time
        self._sides = [[field.column for field in join.fields if field.side == side] for side in ("left", "right")]
        conditions = [condition.column for condition in (*join.left, *join.right)]
        self.columns = sorted({*conditions, *self._sides[0], *self._sides[1], ID, CHECK})
        # Where each output field is in the entries of both sides, one after the other.
        places = {side: iter(range(start, start + len(columns))) for side, start, columns in self._starts()}
        self._order = [next(places[field.side]) for field in join.fields]
        # How far the partner's time may be before and behind the event's own, by the event's side.
        self._reach = ((join.lower_ms, join.upper_ms), (-join.upper_ms, -join.lower_ms))
        self._span = max(join.upper_ms - join.lower_ms, _LEAST_SPAN_MS)
        self.keys: dict[str, tuple[list[Entry], list[Entry]]] = {}
        self.state_type = dict[str, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]]

    def _starts(self) -> list[tuple[str, int, list[str]]]:
        left, right = self._sides
        return [("left", 3, left), ("right", 6 + len(left), right)]

    def lines(self, name: Callable[[str], str]) -> str:
        entries = [", ".join(("time", name(ID), name(CHECK), *map(name, columns))) for columns in self._sides]
        return _LINES.format(
            left=conditions_text(self._join.left, name),
            right=conditions_text(self._join.right, name),
            left_entry=entries[0],
            right_entry=entries[1],
            delay=self._delay,
        )

    def meet(self, key: str, side: int, entry: Entry, mark: int) -> None:
        """Pair an event with those of the other side that are kept, and keep it."""
        time, (before, behind) = entry[0], self._reach[side]
        if time + behind < mark:
            self.late += 1
            return
        sides = self.keys.get(key)
        if sides is None:
            sides = self.keys[key] = ([], [])
        others = sides[1 - side]
        if others:
            # One that is kept no longer at this watermark may not have been thrown away yet.
            oldest = max(time + before, mark - self._reach[1 - side][1])
            start = bisect_left(others, oldest, key=_time)
            for other in islice(others, start, None):
                if other[0] > time + behind:
                    break
                self._pair(key, *((other, entry) if side else (entry, other)))
        insort(sides[side], entry, key=_time)

    def _pair(self, key: str, left: Entry, right: Entry) -> None:
        both = left + right
        self.rows.append(self.row(key, left[1], right[1], *(both[i] for i in self._order), left[2] + right[2]))

    def close(self, mark: int) -> int:
        """Throw away what is kept no longer; next when a good part of the rest will be."""
        for key, sides in list(self.keys.items()):
            for side, (entries, (_, behind)) in enumerate(zip(sides, self._reach, strict=True)):
                del sides[side][: bisect_left(entries, mark - behind, key=_time)]
            if not sides[0] and not sides[1]:
                del self.keys[key]
        return mark + self._span

    @property
    def state(self) -> dict[str, tuple[list[Entry], list[Entry]]]:
        return self.keys

    def restore(self, state: dict[str, tuple[list[Entry], list[Entry]]], mark: int) -> None:  # noqa: ARG002
        self.keys.update(state)
