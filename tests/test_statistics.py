"""Statistics on made-up samples with known answers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.metrics.statistics import PERCENTILES, curve, needed, percentile, thinned


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [
        (1, "50", 1),
        (2, "50", 1),
        (3, "50", 2),
        (100, "99", 99),
        (101, "99", 100),
        (1000, "99.9", 999),
        (1001, "99.9", 1000),
        (10, "100", 10),
        (10, "0", 1),
    ],
)
def test_a_percentile_is_a_sample_at_the_nearest_rank(count, percent, expected):
    assert percentile(np.arange(1, count + 1), percent) == expected


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=300), st.sampled_from(sorted(PERCENTILES.values())))
def test_a_percentile_is_the_smallest_sample_that_enough_samples_do_not_exceed(samples, percent):
    found = percentile(np.sort(samples), percent)
    share = Fraction(percent) / 100 * len(samples)
    enough = [sample for sample in samples if sum(other <= sample for other in samples) >= share]
    assert found == min(enough)


def test_a_percentile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        percentile(np.array([]), "50")


def test_percentiles_need_enough_samples_to_differ_from_the_maximum():
    for percent in ("50", "90", "95", "99", "99.9"):
        count = needed(percent)
        assert math.ceil(Fraction(percent) / 100 * count) < count
        assert math.ceil(Fraction(percent) / 100 * (count - 1)) == count - 1
    assert needed("100") == 1


def test_a_curve_ascends_to_the_maximum_and_is_no_finer_than_its_samples():
    x, y = curve(np.arange(1, 51))
    assert x == sorted(x)
    assert y == sorted(y)
    assert (x[-2], x[-1], y[-1]) == (98, 100, 50)
    assert 99.9 in curve(np.arange(1000))[0]


def test_thinning_keeps_peaks_and_bounds():
    x, y = np.arange(1000), np.zeros(1000)
    y[[3, 777]] = 5, 9
    thin_x, thin_y = thinned(x, y, 100)
    assert len(thin_x) == 100
    assert thin_x == sorted(thin_x)
    assert (thin_x[thin_y.index(9)], thin_x[thin_y.index(5)]) == (777, 3)
    assert thinned(x[:4], y[:4], 100) == ([0, 1, 2, 3], [0, 0, 0, 5])
