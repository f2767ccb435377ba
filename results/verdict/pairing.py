"""Windows whose very bounds move with a fault: sessions, and windows by count or condition, named by their first id.

One event lost or counted twice gives such a window another name. Its row would be missing and another one unexpected;
here the two are paired, one to one, so that the audit can say what became of the window.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from results.verdict.matching import UNEXPECTED, Matching
from workloads.query import Count, Query, Session, Until, Windowed
from workloads.stream import Integers

PAIRED = 1_000_000
"""So many unexpected rows are looked at, the first ones: there may be many millions."""

_Pair = tuple[int, int, int]
"""Row, due row, and 1 if they are paired, 0 if the row overlaps one that has another answer."""

_OfKey = Callable[[Matching, Integers, Integers], Iterator[_Pair]]
"""From a matching, a key's unexpected rows and all of its due rows."""


def pair(query: Query, matching: Matching, before: int | None = None) -> Matching:
    """The matching with unexpected rows as wrong answers to missing rows that they overlap, where the shape is such
    a window.

    before: only unexpected rows with smaller numbers are looked at; None for the first PAIRED ones.
    """
    of_key = _of_key(query)
    if of_key is None:
        return matching
    unexpected = np.flatnonzero((matching.counts_as == UNEXPECTED) & (matching.rows.keys >= 0))
    near = unexpected[:PAIRED] if before is None else unexpected[matching.rows.numbers[unexpected] < before]
    pairs = _by_key(matching, near, of_key)
    found = np.array(list(pairs), dtype=np.int64).reshape(-1, 3)
    one_to_one, beside = found[found[:, 2] == 1], found[found[:, 2] == 0]
    paired = matching.paired(one_to_one[:, 0], one_to_one[:, 1])
    within = paired.within.copy()
    within[beside[:, 0]] = beside[:, 1]
    return replace(paired, within=within, unpaired=len(unexpected) - len(near))


def pairs_windows(query: Query) -> bool:
    """Whether a fault can move the bounds of a query's windows."""
    return _of_key(query) is not None


def _of_key(query: Query) -> _OfKey | None:
    match query.shape:
        case Windowed(window=Session()):
            return _sessions
        case Windowed(window=Count() | Until()):
            return _in_sequence
        case _:
            return None


def _by_key(matching: Matching, unexpected: Integers, of_key: _OfKey) -> Iterator[_Pair]:
    rows, due = matching.rows, matching.due
    keys = np.unique(rows.keys[unexpected])
    candidates = np.flatnonzero(np.isin(due.keys, keys))
    candidates = candidates[np.argsort(due.keys[candidates], kind="stable")]
    bounds = (
        np.searchsorted(due.keys[candidates], keys, side="left"),
        np.searchsorted(due.keys[candidates], keys, side="right"),
    )
    for key, start, stop in zip(keys, *bounds, strict=True):
        yield from of_key(matching, unexpected[rows.keys[unexpected] == key], candidates[start:stop])


def _sessions(matching: Matching, mine: Integers, due: Integers) -> Iterator[_Pair]:
    """Sessions of a key do not overlap each other, but a row may overlap several of them."""
    due = due[np.argsort(matching.due.identity[0, due], kind="stable")]
    starts, ends = matching.due.identity[:, due].tolist()
    free = matching.missing[due]
    for row in mine[np.argsort(matching.rows.identity[0, mine], kind="stable")].tolist():
        start, end = matching.rows.identity[:, row].tolist()
        # The first session that ends after the row begins.
        place = bisect_left(ends, start + 1)
        overlapped = []
        while place < len(starts) and starts[place] < end:
            overlapped.append(place)
            place += 1
        chosen = next((place for place in overlapped if free[place]), None)
        if chosen is not None:
            free[chosen] = False
            yield row, int(due[chosen]), 1
        elif overlapped:
            yield row, int(due[overlapped[0]]), 0


def _in_sequence(matching: Matching, mine: Integers, due: Integers) -> Iterator[_Pair]:
    """Ids ascend within a key. A window may begin earlier than it should, but then not before the one before it."""
    due = due[np.argsort(matching.due.last_ids[due], kind="stable")]
    firsts, lasts = matching.due.identity[0, due].tolist(), matching.due.last_ids[due].tolist()
    free, place = matching.missing[due], 0
    for row in mine.tolist():
        first = int(matching.rows.identity[0, row])
        candidate = max(place, bisect_left(lasts, first))
        while candidate < len(due) and not free[candidate]:
            candidate += 1
        if candidate < len(due) and first >= firsts[max(candidate - 1, 0)]:
            free[candidate] = False
            yield row, int(due[candidate]), 1
            place = candidate
