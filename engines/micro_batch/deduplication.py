"""Of a batch's events that are equal, only the first goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.query import Deduplicate

from .accumulators import NONE
from .groups import begins, grouped, order_by
from .shape_operator import Batch, State
from .words import Integers


class Deduplication:
    """Holds what was let through, as (key's code, columns, time), until the watermark has passed time + within_ms."""

    def __init__(self, rule: Deduplicate, time: str) -> None:
        self._columns, self._within, self._time = rule.columns, rule.within_ms, time
        self._kept: list[Integers] = [NONE] * (len(rule.columns) + 1)
        self._times = NONE

    def first(self, batch: Batch) -> NDArray[np.bool_]:
        """Which events are the first of their equals."""
        columns, known = batch.columns, len(self._times)
        keys = [columns.keys, *(columns.values[name] for name in self._columns)]
        if not len(columns.keys):
            self._forget(batch.mark)
            return np.zeros(0, np.bool_)
        both = [np.concatenate(pair) for pair in zip(self._kept, keys, strict=True)]
        times = np.concatenate((self._times, columns.values[self._time]))
        # What is held was let through before, at a watermark that it need not be compared with.
        marks = np.concatenate((self._times, batch.marks))
        groups = grouped(both).groups
        passed = np.zeros(len(times), np.bool_)
        passed[:known] = True
        left = order_by(groups)
        while len(left):
            # The first of each group goes on, and with it goes what it makes a repetition; mostly nothing is left.
            new = begins(groups[left])
            leading = left[new][np.cumsum(new) - 1]
            passed[leading] = True
            end = times[leading] + self._within
            left = left[~new & ((times[left] >= end) | (marks[left] >= end))]
        self._hold(both, groups, times, passed)
        self._forget(batch.mark)
        return passed[known:]

    def _hold(self, both: list[Integers], groups: Integers, times: Integers, passed: NDArray[np.bool_]) -> None:
        """Hold the last of each group that was let through."""
        places = np.flatnonzero(passed)
        order = places[order_by(groups[places])]
        last = np.ones(len(order), np.bool_)
        last[:-1] = groups[order][1:] != groups[order][:-1]
        chosen = order[last]
        self._kept, self._times = [column[chosen] for column in both], times[chosen]

    def _forget(self, mark: int) -> None:
        alive = self._times + self._within > mark
        if not alive.all():
            self._kept, self._times = [column[alive] for column in self._kept], self._times[alive]

    def state(self) -> State:
        return State([self._kept[0]], [*self._kept[1:], self._times])

    def restore(self, state: State) -> None:
        *columns, self._times = state.numbers
        self._kept = [state.codes[0], *columns]
