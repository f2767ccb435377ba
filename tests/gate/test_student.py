"""Student's t distribution, held to the tables of the books and to what must be so of any distribution."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.gate.student import quantile, tail

TABLE = {(0.05, 1): 6.314, (0.10, 4): 1.533, (0.025, 5): 2.571, (0.05, 6): 1.943, (0.01, 10): 2.764, (0.05, 30): 1.697}
"""Upper tail and degrees of freedom, and the t of the printed tables."""


@pytest.mark.parametrize(("upper", "freedom"), TABLE)
def test_quantiles_are_those_of_the_printed_tables(upper: float, freedom: int) -> None:
    assert quantile(upper, freedom) == pytest.approx(TABLE[upper, freedom], abs=5e-4)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 6, 7, 20, 101])
def test_the_tail_is_the_integral_of_the_density(freedom: int) -> None:
    factor = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    steps, end = 20_000, 1.7
    heights = [factor * (1 + (end * i / steps) ** 2 / freedom) ** (-(freedom + 1) / 2) for i in range(steps + 1)]
    area = (sum(heights) - (heights[0] + heights[-1]) / 2) * end / steps
    assert tail(end, freedom) == pytest.approx(0.5 - area, abs=1e-8)


@given(st.floats(-50, 50), st.integers(1, 60))
def test_both_tails_make_one_and_the_tail_is_a_probability(t: float, freedom: int) -> None:
    assert 0 <= tail(t, freedom) <= 1
    assert tail(t, freedom) + tail(-t, freedom) == pytest.approx(1)


@given(st.floats(0.001, 0.499), st.integers(1, 60))
def test_a_quantile_is_exceeded_as_often_as_asked(upper: float, freedom: int) -> None:
    assert tail(quantile(upper, freedom), freedom) == pytest.approx(upper, rel=1e-6)


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match="0 degrees of freedom"):
        tail(1.0, 0)
    for upper in (0.0, 0.5, 1.0, math.nan):
        with pytest.raises(ValueError, match="not between"):
            quantile(upper, 4)
    assert (tail(math.inf, 3), tail(-math.inf, 3)) == (0.0, 1.0)
