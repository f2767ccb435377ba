"""Every output row against the oracle's rows: which windows are answered, and how each row is to be counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.rows import Rows
from workloads.stream import Integers

MATCH, DUPLICATE, WRONG, UNEXPECTED = range(4)
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Windows:
    """The rows that are due, as columns of equal length.

    phases: index of the phase they belong to. values: one line an output of the query. last_ids: the largest id of
    the events in the window.
    """

    phases: Integers
    keys: Integers
    starts: Integers
    ends: Integers
    values: Integers
    last_ids: Integers


class Finder:
    """Finds windows by (key, start, end). Raises ValueError if two windows are the same."""

    def __init__(self, keys: Integers, starts: Integers, ends: Integers) -> None:
        self._starts, self._ends = np.unique(starts), np.unique(ends)
        self._keys = int(keys.max(initial=0)) + 1
        codes = self._codes(keys, np.searchsorted(self._starts, starts), np.searchsorted(self._ends, ends))
        self._order = np.argsort(codes, kind="stable")
        self._codes_in_order = codes[self._order]
        if np.any(self._codes_in_order[1:] == self._codes_in_order[:-1]):
            raise ValueError("the same window is due in two phases")

    def find(self, keys: Integers, starts: Integers, ends: Integers) -> Integers:
        """Index of the window that each (key, start, end) names, or -1."""
        found = np.full(len(keys), -1, dtype=np.int64)
        if not len(self._codes_in_order):
            return found
        start = np.minimum(np.searchsorted(self._starts, starts), len(self._starts) - 1)
        end = np.minimum(np.searchsorted(self._ends, ends), len(self._ends) - 1)
        known = (keys >= 0) & (keys < self._keys) & (self._starts[start] == starts) & (self._ends[end] == ends)
        codes = self._codes(keys[known], start[known], end[known])
        place = np.minimum(np.searchsorted(self._codes_in_order, codes), len(self._codes_in_order) - 1)
        found[known] = np.where(self._codes_in_order[place] == codes, self._order[place], -1)
        return found

    def _codes(self, keys: Integers, starts: Integers, ends: Integers) -> Integers:
        return np.asarray((starts * len(self._ends) + ends) * self._keys + keys, dtype=np.int64)


@dataclass(frozen=True)
class Comparison:
    """index: for each row the window it answers, or -1. counts_as: MATCH, DUPLICATE, WRONG or UNEXPECTED for each row.
    conflicts: wrong rows of a window that has another row with a different value before it, or the right one.
    first_visible_ns: for each window the time of its first row, NEVER where there is none.
    """

    windows: Windows
    rows: Rows
    index: Integers
    counts_as: NDArray[np.int8]
    conflicts: NDArray[np.bool_]
    first_visible_ns: Integers

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.asarray(self.first_visible_ns == NEVER, dtype=np.bool_)


def compare(windows: Windows, rows: Rows) -> Comparison:
    """Per window: the first row with the right values is a match, a row that repeats another's values a duplicate,
    every row with other values wrong; a window without rows is missing; rows for no window are unexpected.
    """
    index = Finder(windows.keys, windows.starts, windows.ends).find(rows.keys, rows.starts, rows.ends)
    known = index >= 0
    all_known = bool(known.all())
    mine = index if all_known else index[known]
    values = rows.values if all_known else rows.values[:, known]
    equal = np.zeros(len(index), dtype=np.bool_)
    equal[known] = np.all(values == windows.values[:, mine], axis=0)
    counts_as = np.where(known, np.where(equal, MATCH, WRONG), UNEXPECTED).astype(np.int8)
    conflicts = np.zeros(len(index), dtype=np.bool_)
    first_visible_ns = np.full(len(windows.keys), NEVER, dtype=np.int64)
    # Of repeated indices the last assignment holds, so backwards the first row does.
    first_visible_ns[mine[::-1]] = rows.visible_ns[known][::-1]
    copies = np.bincount(mine, minlength=len(windows.keys))
    several = np.flatnonzero(known)[copies[mine] > 1]
    several = several[np.argsort(index[several], kind="stable")]
    bounds = np.flatnonzero(np.diff(index[several])) + 1
    for group in np.split(several, bounds) if len(several) else []:
        _judge_copies(group, rows.values, equal, counts_as, conflicts)
    return Comparison(windows, rows, index, counts_as, conflicts, first_visible_ns)


def _judge_copies(
    group: Integers,
    values: Integers,
    equal: NDArray[np.bool_],
    counts_as: NDArray[np.int8],
    conflicts: NDArray[np.bool_],
) -> None:
    """Decide on the rows of one window, in order of visibility."""
    answered = bool(equal[group].any())
    seen: set[bytes] = set()
    for row in group:
        value = values[:, row].tobytes()
        if value in seen:
            counts_as[row] = DUPLICATE
        elif not equal[row]:
            conflicts[row] = answered or bool(seen)
        seen.add(value)
