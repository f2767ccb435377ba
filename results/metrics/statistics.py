"""Exact statistics of raw samples. Percentiles are merged from samples, never averaged."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]

PERCENTILES = {"p50": "50", "p90": "90", "p95": "95", "p99": "99", "p999": "99.9", "max": "100"}
"""Metric suffix and percentile, as decimal text so that a rank is computed exactly."""


def percentile(ordered: Samples, percent: str) -> float:
    """The nearest-rank percentile: the smallest sample that at least `percent` % of all samples do not exceed.

    ordered: ascending. Hyndman, Fan: Sample Quantiles in Statistical Packages (1996), definition 1. Raises ValueError
    for no samples.
    """
    if not len(ordered):
        raise ValueError("a percentile of no samples does not exist")
    rank = math.ceil(Fraction(percent) / 100 * len(ordered))
    return float(ordered[max(rank, 1) - 1])


def needed(percent: str) -> int:
    """How many samples a percentile needs so that it is not just the largest: 1000 for 99.9; 1 for the maximum."""
    beyond = 1 - Fraction(percent) / 100
    return math.ceil(1 / beyond) if beyond else 1


def curve(ordered: Samples) -> tuple[list[float], list[float]]:
    """Percentiles for a chart, finer towards the tail: percent and value, no finer than the samples allow."""
    percents = [str(step) for step in range(100)] + [f"99.{step}" for step in range(1, 10)] + ["99.99", "100"]
    shown = [percent for percent in percents if needed(percent) <= len(ordered)]
    return [float(percent) for percent in shown], [percentile(ordered, percent) for percent in shown]


INTERVAL_SAMPLES = 5
"""Fewer samples than this give no interval of their median, only their range."""

INTERVAL = ("2.5", "97.5")
"""The percentiles of the resampled medians between which 95 % of them lie."""

RESAMPLES = 10_000
_SEED = 20_260_101


def median_interval(samples: Samples) -> tuple[float, float, float]:
    """The median, and low and high of its 95 % bootstrap percentile interval; of too few samples, of their range.

    Efron, Tibshirani: An Introduction to the Bootstrap (1993), chapter 13. The same samples give the same interval.
    Raises ValueError for no samples.
    """
    values = np.sort(np.asarray(samples, dtype=np.float64))
    if not len(values):
        raise ValueError("a median of no samples does not exist")
    median = float(np.median(values))
    if len(values) < INTERVAL_SAMPLES:
        return median, float(values[0]), float(values[-1])
    drawn = np.random.default_rng(_SEED).integers(0, len(values), (RESAMPLES, len(values)))
    medians = np.sort(np.median(values[drawn], axis=1))
    low, high = (percentile(medians, percent) for percent in INTERVAL)
    return median, low, high


def thinned(x: Samples, y: Samples, most: int) -> tuple[list[float], list[float]]:
    """At most `most` points of a series, keeping the largest y of each stretch, so that no peak is lost."""
    if len(x) <= most:
        return [float(value) for value in x], [float(value) for value in y]
    bounds = np.linspace(0, len(x), most + 1).astype(np.int64)
    peaks = [start + int(np.argmax(y[start:stop])) for start, stop in pairwise(bounds)]
    return [float(x[peak]) for peak in peaks], [float(y[peak]) for peak in peaks]


def ratio_interval(one: Samples, other: Samples) -> tuple[float, float, float] | None:
    """The median of `other` by that of `one`, with the ends of the 95 % bootstrap percentile interval of this ratio.

    Each is resampled by itself. None of fewer than five samples of either, and where not all are above zero.
    """
    first, second = (np.asarray(samples, dtype=np.float64) for samples in (one, other))
    if min(len(first), len(second)) < INTERVAL_SAMPLES or min(first.min(), second.min()) <= 0:
        return None
    drawing = np.random.default_rng(_SEED)
    below, above = (
        np.median(samples[drawing.integers(0, len(samples), (RESAMPLES, len(samples)))], axis=1)
        for samples in (first, second)
    )
    with np.errstate(over="ignore"):  # Of a figure that is next to nothing the ratio is beyond all numbers.
        ratios = np.sort(above / below)
    low, high = (percentile(ratios, percent) for percent in INTERVAL)
    return float(np.median(second)) / float(np.median(first)), low, high
