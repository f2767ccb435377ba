"""Where the level of a series changed, in two steps: a division that errs towards too many parts, and a test of each.

The division is the best one into parts with a level each (least squares, a penalty for each further part), found
exactly by dynamic programming (Jackson et al.: An Algorithm for Optimal Partitioning of Data on an Interval, 2005), as
`ruptures` with the model `l2` does. By itself it finds changes in noise. So neighbouring parts are joined, the least
different first, unless chance would show as much in fewer than one of a thousand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import fmean, median, variance

from results.gate import student

PENALTY = 4.0
"""For each further part, in squares of the noise."""

CHANCE = 0.001
"""Parts stay apart if chance alone would show as much in fewer than so many cases, two-sided."""

SHORTEST = 5
"""A part has at least so many values: of fewer the spread says little, and chance looks like a change more often."""

_TO_SIGMA = 1 / (0.6745 * math.sqrt(2))
"""From the median step between neighbours to the standard deviation of normal noise."""


def change_points(values: Sequence[float], known: Sequence[int] = ()) -> list[int]:
    """The places at which a new level begins, ascending.

    values: finite and above zero, in order of time; changes are looked for in their logarithms, since noise is a share.
    known: places at which a new level is known to begin: they are not given, and nothing is joined across them.
    """
    logs = [math.log(value) for value in values]
    found = []
    bounds = [0, *sorted({place for place in known if 0 < place < len(logs)}), len(logs)]
    for begin, end in itertools.pairwise(bounds):
        part = logs[begin:end]
        found += [begin + place for place in _settled(part, _tested(part, _divided(part)))]
    return found


def _divided(values: Sequence[float]) -> list[int]:
    """The best division: where its parts after the first begin."""
    count = len(values)
    if count < 2 * SHORTEST:
        return []
    price = PENALTY * _noise(values) ** 2
    sums, squares = [0.0], [0.0]
    for value in values:
        sums.append(sums[-1] + value)
        squares.append(squares[-1] + value * value)

    def cost(begin: int, end: int) -> float:
        total = sums[end] - sums[begin]
        return squares[end] - squares[begin] - total * total / (end - begin)

    best: list[float] = [-price, *[math.inf] * count]
    last = [0] * (count + 1)
    for end in range(SHORTEST, count + 1):
        starts = [0, *range(SHORTEST, end - SHORTEST + 1)]
        best[end], last[end] = min((best[begin] + cost(begin, end) + price, begin) for begin in starts)
    places, end = [], last[count]
    while end > 0:
        places.append(end)
        end = last[end]
    return places[::-1]


def _noise(values: Sequence[float]) -> float:
    """Of steps between neighbours, so that a change of the level is no noise; never zero."""
    steps = [abs(after - before) for before, after in itertools.pairwise(values)]
    return max(median(steps) * _TO_SIGMA, 1e-9)


def _tested(values: Sequence[float], places: Sequence[int]) -> list[int]:
    """The places that stay after neighbours that chance may have parted were joined, the least different first."""
    left = list(places)
    while left:
        bounds = [0, *left, len(values)]
        chances = [
            _chance(values[bounds[number] : bounds[number + 1]], values[bounds[number + 1] : bounds[number + 2]])
            for number in range(len(left))
        ]
        weakest = max(range(len(left)), key=lambda number: chances[number])
        if chances[weakest] < CHANCE:
            return left
        del left[weakest]
    return left


def _settled(values: Sequence[float], places: Sequence[int]) -> list[int]:
    """The places moved to where two levels fit best, without those that leave too few values at one side. Such values
    are outliers, or a level that has only just begun and would be told of a run too early.
    """
    found: list[int] = []
    bounds = [0, *places, len(values)]
    for number in range(len(places)):
        before, after = bounds[number], bounds[number + 2]
        best = before + _best_split(values[before:after])
        begin = found[-1] if found else before
        if min(best - begin, after - best) >= SHORTEST:
            found.append(best)
    return found


def _best_split(values: Sequence[float]) -> int:
    """Where the second of two levels begins, by least squares."""
    total, sum_before = sum(values), 0.0
    best, split = -1.0, 1
    for place in range(1, len(values)):
        sum_before += values[place - 1]
        explained = sum_before**2 / place + (total - sum_before) ** 2 / (len(values) - place)
        if place == 1 or explained > best:
            best, split = explained, place
    return split


def _chance(one: Sequence[float], other: Sequence[float]) -> float:
    """How often chance alone would show levels as different as these, two-sided, where both have the same noise
    (Student, 1908).

    They are of one case on one machine, so one noise is what to expect. Welch's test, which expects two, knows hardly
    anything of the spread of a short part: in simulations it found a third as many changes, with more false alarms.
    """
    freedom = len(one) + len(other) - 2
    spread = ((len(one) - 1) * variance(one) + (len(other) - 1) * variance(other)) / freedom
    apart, error = abs(fmean(one) - fmean(other)), math.sqrt(spread * (1 / len(one) + 1 / len(other)))
    if error == 0:
        return 0.0 if apart > 0 else 1.0
    return 2 * student.tail(apart / error, freedom)
