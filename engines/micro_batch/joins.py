"""Interval join: of either side the events that may still meet one of the other; a batch finds its partners at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.query import CHECK, ID, Join, Query

from .accumulators import NONE, expand
from .expressions import all_hold
from .shape_operator import Batch, Rows, State
from .words import Integers


@dataclass(frozen=True)
class _Side:
    """Events of one side: key's code, time, the watermark at each event's place, and other columns."""

    codes: Integers
    times: Integers
    marks: Integers
    others: list[Integers]

    def take(self, rows: Integers) -> _Side:
        return _Side(self.codes[rows], self.times[rows], self.marks[rows], [column[rows] for column in self.others])

    def joined(self, more: _Side) -> _Side:
        return _Side(
            np.concatenate((self.codes, more.codes)),
            np.concatenate((self.times, more.times)),
            np.concatenate((self.marks, more.marks)),
            [np.concatenate(both) for both in zip(self.others, more.others, strict=True)],
        )


class IntervalJoin:
    """An event is kept until the watermark has passed all that it could meet; one that comes after that is late. What
    comes behind the watermark before that meets what is still kept at its own place in the log.
    """

    def __init__(self, query: Query, join: Join) -> None:
        self.late = 0
        self._join, self._time = join, query.time
        fields = join.fields
        self._columns = [
            [ID, CHECK, *(field.column for field in fields if field.side == side)] for side in ("left", "right")
        ]
        places = {"left": iter(range(2, 2 + len(fields))), "right": iter(range(2, 2 + len(fields)))}
        self._fields = [(field.side == "right", next(places[field.side])) for field in fields]
        self._kept = [_Side(NONE, NONE, NONE, [NONE] * len(columns)) for columns in self._columns]
        # For how long after its own time an event may meet one of the other side.
        self._behind = (join.upper_ms, -join.lower_ms)

    def add(self, batch: Batch) -> list[Rows]:
        (old_left, old_right), (left, right) = self._kept, (self._side(batch, 0), self._side(batch, 1))
        both = old_right.joined(right)
        rows = [*self._pairs(left, both), *self._pairs(old_left, right)]
        self._kept = [self._alive(old_left.joined(left), 0, batch.mark), self._alive(both, 1, batch.mark)]
        return rows

    def _side(self, batch: Batch, side: int) -> _Side:
        """The batch's events on that side, in order, without those that are late."""
        columns = batch.columns
        conditions = self._join.right if side else self._join.left
        chosen = np.flatnonzero(all_hold(conditions, columns.values, len(columns.keys)))
        times, marks = columns.values[self._time][chosen], batch.marks[chosen]
        late = times + self._behind[side] < marks
        if late.any():
            self.late += int(np.count_nonzero(late))
            chosen, times, marks = chosen[~late], times[~late], marks[~late]
        return _Side(columns.keys[chosen], times, marks, [columns.values[name][chosen] for name in self._columns[side]])

    def _alive(self, side: _Side, which: int, mark: int) -> _Side:
        alive = side.times + self._behind[which] >= mark
        return side if alive.all() else side.take(np.flatnonzero(alive))

    def _pairs(self, left: _Side, right: _Side) -> list[Rows]:
        if not len(left.codes) or not len(right.codes):
            return []
        # With times as their numbers among the right side's, a key and a time fit one integer.
        numbers, places = np.unique(right.times, return_inverse=True)
        wide = len(numbers) + 1
        packed = right.codes * wide + places
        order = np.argsort(packed)
        packed = packed[order]
        least = left.codes * wide + np.searchsorted(numbers, left.times + self._join.lower_ms, "left")
        beyond = left.codes * wide + np.searchsorted(numbers, left.times + self._join.upper_ms, "right")
        lefts, at = expand(np.searchsorted(packed, least, "left"), np.searchsorted(packed, beyond, "left"))
        rights = order[at]
        # Both must be kept still where the later of them comes: it is the one with the higher watermark, unless the
        # watermark did not move in between, and then both are kept.
        marks = np.maximum(left.marks[lefts], right.marks[rights])
        met = left.times[lefts] + self._behind[0] >= marks
        met &= right.times[rights] + self._behind[1] >= marks
        if not met.all():
            lefts, rights = lefts[met], rights[met]
        if not len(lefts):
            return []
        sides = left.take(lefts), right.take(rights)
        fields = [sides[is_right].others[place] for is_right, place in self._fields]
        ids, checks = [side.others[0] for side in sides], sides[0].others[1] + sides[1].others[1]
        return [Rows(sides[0].codes, [*ids, *fields, checks])]

    def state(self) -> State:
        return State(
            [side.codes for side in self._kept],
            [column for side in self._kept for column in (side.times, side.marks, *side.others)],
        )

    def restore(self, state: State, mark: int) -> None:  # noqa: ARG002
        left = 2 + len(self._columns[0])
        columns = state.numbers[:left], state.numbers[left:]
        self._kept = [
            _Side(codes, times, marks, others)
            for codes, (times, marks, *others) in zip(state.codes, columns, strict=True)
        ]
