"""Is it slower? Two stages of paired trials: a screen, then a decision on fresh pairs alone (METHOD.md, "The gate").

Everything is a share of worsening on a logarithmic scale: ln(new / old) of what should be low, ln(old / new) of what
should be high. So twice as slow and twice as fast are equally far from no change. A positive one is worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TypeVar

from results.gate import student

SCREEN_PAIRS = 5
"""Pairs of the first stage, of every case."""

SCREEN_P = 0.10
"""A case is looked at again if chance would show as much in fewer than so many of screens."""

SCREEN_SHARE = 0.5
"""And if it worsened by more than this share of its limit."""

FRESH_PAIRS = 7
"""Pairs of the second stage, of the flagged cases; it decides on these alone, so that nothing was selected by them."""

FRESH_P = 0.05
"""A case fails if chance would show as much in at most so many of sessions, by Holm's procedure over the flagged."""

FOUND = 0.8
"""The floor is the worsening that would have been found so often."""

Name = TypeVar("Name")


def worsening(old: float, new: float, lower_is_better: bool) -> float:
    """On the logarithmic scale. Raises ValueError for what has no logarithm."""
    if not (old > 0 and new > 0 and math.isfinite(old) and math.isfinite(new)):
        raise ValueError(f"{old!r} and {new!r} cannot be compared: both must be above zero")
    grew = math.log(new / old)
    return grew if lower_is_better else -grew


def as_share(worse: float, lower_is_better: bool) -> float:
    """Of the scale above, as people say it: what should be low rose by this share, what should be high fell by it."""
    return math.expm1(worse) if lower_is_better else -math.expm1(-worse)


def as_worsening(share: float, lower_is_better: bool) -> float:
    """The other way round. share: below 1 of what should be high."""
    return math.log1p(share) if lower_is_better else -math.log1p(-share)


@dataclass(frozen=True)
class Compared:
    """Pairs of one case and metric. mean: worsening. p: how often chance alone would show as much, one-sided."""

    mean: float
    p: float
    pairs: int


def paired(differences: Sequence[float]) -> Compared:
    """One-sided t test of paired differences (Student: The Probable Error of a Mean, 1908). Raises ValueError for
    fewer than two.
    """
    if len(differences) < 2:
        raise ValueError("a spread needs two pairs")
    mean, spread = fmean(differences), stdev(differences)
    return Compared(mean, _p(mean, spread / math.sqrt(len(differences)), len(differences) - 1), len(differences))


def unpaired(old: Sequence[float], new: Sequence[float]) -> Compared:
    """The same of logarithms that are no pairs (Welch, 1947), so that positive is worse; with the fewest degrees of
    freedom that they may have, which errs towards no change. Raises ValueError for fewer than two of a kind.
    """
    if min(len(old), len(new)) < 2:
        raise ValueError("a spread needs two trials of each")
    mean = fmean(new) - fmean(old)
    error = math.sqrt(stdev(old) ** 2 / len(old) + stdev(new) ** 2 / len(new))
    return Compared(mean, _p(mean, error, min(len(old), len(new)) - 1), len(new))


def _p(mean: float, error: float, freedom: int) -> float:
    if error == 0:
        return 0.0 if mean > 0 else 1.0
    return student.tail(mean / error, freedom)


def flagged(compared: Compared, limit: float) -> bool:
    """Whether a case is looked at again after the screen. limit: on the logarithmic scale."""
    return compared.p < SCREEN_P and compared.mean > SCREEN_SHARE * limit


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Adjusted p by name (Holm: A Simple Sequentially Rejective Multiple Test Procedure, 1979)."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted, largest = {}, 0.0
    for place, name in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - place) * p_values[name]))
        adjusted[name] = largest
    return adjusted


def slower(compared: Compared, adjusted_p: float, limit: float) -> bool:
    """Whether a case fails on its fresh pairs."""
    return adjusted_p <= FRESH_P and compared.mean > limit


def floor(same: Sequence[float], pairs: int, p: float) -> float | None:
    """The least worsening that so many pairs would have shown in 8 of 10 sessions, by how much trials of one side
    differ from each other; None where there are none of these.

    same: differences of two trials of the same side, which no change can cause. p: that the test asks for.
    """
    if not same or pairs < 2:
        return None
    spread = math.sqrt(fmean(each**2 for each in same))
    steps = student.quantile(p, pairs - 1) + student.quantile(1 - FOUND, pairs - 1)
    return spread * steps / math.sqrt(pairs)
