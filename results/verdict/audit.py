"""What the audit sums say about a wrong row: which of its own events are lost or counted more than once.

Every aggregating row carries count, sum of ids and sum of checks. A set of the row's own events whose sums are the
difference explains it; with 31-bit checks, another set of the sizes searched here would fit by chance about once in
2**31 tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from results.result import Kind
from workloads.query import AUDIT, CHECK, ID, Aggregate, Query, Running, Windowed
from workloads.stream import Integers

Columns = Mapping[str, Integers]
"""The events of one row, in log order, by column of the query."""

SUMS = tuple(output.name for output in AUDIT)

MOST_TIMES = 4
"""Events are looked for that are counted again up to so many times: in all, once more than that."""

EVERY_SET = 22
"""Of at most so many events every set is tried."""

SCATTERED = 4
"""Of more events, sets of at most so many that do not follow each other are tried: of two pairs."""

SCATTERED_AMONG = 300
"""But of no more events than these."""


@dataclass(frozen=True)
class Explanation:
    """ids: the events concerned, in log order. certain: False where a further search may find another cause: limits of
    the judge must not convict.
    """

    kind: Kind
    text: str
    ids: tuple[int, ...] = ()
    certain: bool = True


def outputs(query: Query) -> tuple[Aggregate, ...]:
    """The aggregates of a query whose rows carry the audit sums; none for another query."""
    return query.shape.outputs if isinstance(query.shape, Windowed | Running) else ()


def explain(
    query: Query, events: Columns, expected: Mapping[str, int], found: Mapping[str, int], thorough: bool = True
) -> Explanation:
    """Why a row of an aggregating query differs from what is expected.

    thorough: look for scattered events too, not just ranges.
    """
    differing = [output.name for output in outputs(query) if expected[output.name] != found[output.name]]
    count, ids, checks = (found[name] - expected[name] for name in SUMS)
    if not (count or ids or checks):
        return Explanation("wrong value", f"{values(differing, expected, found)}; every event is in it once")
    if not count:
        if bool(ids) != bool(checks):
            return Explanation("wrong value", f"{values(differing, expected, found)}; the number of events is right")
        return Explanation("broken audit", "as many events as are due, but not the window's own")
    for times in range(1, MOST_TIMES + 1) if count > 0 else [-1]:
        if count % times or ids % times or checks % times:
            continue
        positions = find(events[ID], events[CHECK], count // times, ids // times, checks // times, thorough)
        if positions is None:
            continue
        return _confirmed(query, events, positions, times, found)
    word = "too many" if count > 0 else "too few"
    searched = "set" if thorough else "range"
    text = f"{abs(count)} events {word}, but no {searched} of its own events explains it"
    return Explanation("broken audit", text, certain=thorough and _exhausted(len(events[ID]), count))


def _exhausted(events: int, count: int) -> bool:
    """Whether every way was tried in which so many events can be lost (count < 0), or count more than once, in a row of
    so many. Of three counts more, one event may have two and another one: only equal ones were tried.
    """
    if count > 0:
        return count <= 2 and (events <= EVERY_SET or (count == 1 or events <= SCATTERED_AMONG))
    few = min(-count, events + count)
    return events <= EVERY_SET or few <= 1 or (few <= SCATTERED and events <= SCATTERED_AMONG)


def _confirmed(query: Query, events: Columns, positions: Integers, times: int, found: Mapping[str, int]) -> Explanation:
    """The explanation, if the workload's own aggregates agree with it."""
    weights = np.ones(len(events[ID]), dtype=np.int64)
    weights[positions] += times
    off = disagreeing(query, events, weights, found)
    ids = tuple(int(value) for value in events[ID][positions])
    ranged = len(ids) > 1 and int(positions[-1] - positions[0]) + 1 == len(ids)
    what = describe(ids) + (", a contiguous range of its events in log order," if ranged else "")
    return counted(ids, what, times, off)


def counted(ids: tuple[int, ...], what: str, times: int, off: list[str]) -> Explanation:
    """The explanation that `what` (these ids) is counted `times` too often (-1: not at all). off: what denies it."""
    verb = "is" if len(ids) == 1 else "are"
    lost = "not counted" if times < 0 else f"counted {('twice', '3 times', '4 times', '5 times')[times - 1]}"
    if off:
        return Explanation("broken audit", f"{what} {verb} {lost} by the audit, but {', '.join(off)} disagrees", ids)
    return Explanation("loss" if times < 0 else "double count", f"{what} {verb} {lost}", ids)


def disagreeing(query: Query, events: Columns, weights: Integers, found: Mapping[str, int]) -> list[str]:
    """The aggregates of a row that are not those of these events, each as often as its weight says."""
    return [output.name for output in outputs(query) if aggregate(output, events, weights) != found[output.name]]


def find(
    ids: Integers, checks: Integers, count: int, ids_sum: int, checks_sum: int, thorough: bool = True
) -> Integers | None:
    """Positions of `count` events with these sums: a contiguous range, all but one, or (thorough) a scattered set."""
    total = len(ids)
    if not 0 < count <= total:
        return None
    others = (total - count, int(ids.sum()) - ids_sum, int(checks.sum()) - checks_sum)
    searches = [_range, _scattered] if thorough else [_range]
    for search in searches:
        if (positions := search(ids, checks, count, ids_sum, checks_sum)) is not None:
            return positions
        if (positions := search(ids, checks, *others)) is not None:
            return np.setdiff1d(np.arange(total), positions)
    return None


def _range(ids: Integers, checks: Integers, count: int, ids_sum: int, checks_sum: int) -> Integers | None:
    sums = [np.concatenate(([0], np.cumsum(column))) for column in (ids, checks)]
    matches = (sums[0][count:] - sums[0][: len(ids) - count + 1] == ids_sum) & (
        sums[1][count:] - sums[1][: len(ids) - count + 1] == checks_sum
    )
    starts = np.flatnonzero(matches)
    return np.arange(starts[0], starts[0] + count) if len(starts) else None


def _scattered(ids: Integers, checks: Integers, count: int, ids_sum: int, checks_sum: int) -> Integers | None:
    """Meet in the middle: over subsets of two halves for few events, over pairs for up to SCATTERED of many."""
    events = list(zip(ids.tolist(), checks.tolist(), strict=True))
    if len(events) <= EVERY_SET:
        half = len(events) // 2
        right = {sums: chosen for chosen, sums in _subsets(events, half, len(events))}
        for chosen, (size, left_ids, left_checks) in _subsets(events, 0, half):
            other = right.get((count - size, ids_sum - left_ids, checks_sum - left_checks))
            if other is not None:
                return np.array(chosen + other, dtype=np.int64)
        return None
    if not 2 <= count <= SCATTERED or len(events) > SCATTERED_AMONG:
        return None
    singles = {event: (position,) for position, event in enumerate(events)}
    pairs = {(a[0] + b[0], a[1] + b[1]): (i, j) for (i, a), (j, b) in combinations(enumerate(events), 2)}
    left: Mapping[tuple[int, int], tuple[int, ...]] = singles if count < SCATTERED else pairs
    right_sums: Mapping[tuple[int, int], tuple[int, ...]] = singles if count == 2 else pairs
    for (left_ids, left_checks), chosen in left.items():
        other = right_sums.get((ids_sum - left_ids, checks_sum - left_checks))
        if other is not None and not set(chosen) & set(other):
            return np.array(sorted(chosen + other), dtype=np.int64)
    return None


def _subsets(
    events: list[tuple[int, int]], start: int, stop: int
) -> list[tuple[tuple[int, ...], tuple[int, int, int]]]:
    """Every subset of events start .. stop - 1: positions, and count, sum of ids, sum of checks."""
    found: list[tuple[tuple[int, ...], tuple[int, int, int]]] = [((), (0, 0, 0))]
    for position in range(start, stop):
        identity, check = events[position]
        found += [((*chosen, position), (n + 1, i + identity, c + check)) for chosen, (n, i, c) in found]
    return found


def aggregate(output: Aggregate, events: Columns, weights: Integers) -> int | None:
    """The aggregate over the events, each as often as its weight says; None where there is none."""
    if output.column is None:
        return int(weights.sum())
    column = events[output.column]
    if output.function == "sum":
        return int((column * weights).sum())
    present = column[weights > 0]
    if not len(present):
        return None
    if output.function == "distinct":
        return len(np.unique(present))
    return int(present.min() if output.function == "min" else present.max())


def values(names: list[str], expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} is {found[name]}, expected {expected[name]}" for name in names)


def describe(ids: tuple[int, ...], most: int = 5) -> str:
    """A few ids in words: `id 7`, or `3 ids (7, 8, 9)`."""
    if len(ids) == 1:
        return f"id {ids[0]}"
    more = ", …" if len(ids) > most else ""
    return f"{len(ids)} ids ({', '.join(str(value) for value in ids[:most])}{more})"
