"""The rule by which trial and judge call an engine warm: growth over the last doubling of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.warmth import GROWTH, Drained, average, growth, later_half, marginal

SPARK = (8.4, 25.7, 32.7, 34.7, 52.8, 49.7, 53.7)
"""Thousands of events per CPU-second of equal backlogs, as one run showed them."""


def equal(*per_cpu_s: float, events: int = 300_000) -> list[Drained]:
    return [Drained(events, 1.0, events / each) for each in per_cpu_s]


def test_growth_is_that_of_the_later_half_over_the_quarter_before_it() -> None:
    assert growth(equal(9, 9, 1, 1, 2, 2, 2, 2)) == pytest.approx(1.0)
    assert growth(equal(1, 1, 4, 4, 2, 2, 2, 2)) == pytest.approx(-0.5)


def test_a_backlog_that_lies_in_two_parts_counts_in_each_with_its_share() -> None:
    # Of six, the quarter before the later half is the second half of the second one, and the third.
    assert growth(equal(7, 1, 2, 3, 3, 3)) == pytest.approx(3 / (1.5 / (0.5 / 1 + 1 / 2)) - 1)


def test_two_equal_neighbours_are_no_sign_of_being_warm() -> None:
    for count in range(2, len(SPARK) + 1):
        grew = growth(equal(*SPARK[:count]))
        assert grew is not None and grew > GROWTH, f"after {count} backlogs"


def test_what_stays_as_it_is_becomes_warm_in_the_end() -> None:
    seen = [growth(equal(*SPARK, *[53.7] * more)) for more in range(20)]
    assert all(one is not None and one < GROWTH for one in seen[9:])


def test_without_cpu_there_is_no_growth() -> None:
    assert growth([Drained(100, 1.0, 0.0)] * 8) is None
    assert growth([]) is None


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=40), st.integers(1, 10**7), st.floats(0.01, 100))
def test_neither_the_size_of_backlogs_nor_the_speed_of_the_machine_changes_the_growth(
    rates: list[float], events: int, faster: float
) -> None:
    one, other = growth(equal(*rates)), growth(equal(*(rate * faster for rate in rates), events=events))
    assert one is not None and other is not None
    assert (1 + other) == pytest.approx(1 + one)


@given(st.floats(0.1, 100), st.integers(1, 40))
def test_what_is_always_as_fast_does_not_grow(rate: float, count: int) -> None:
    assert growth(equal(*[rate] * count)) == pytest.approx(0, abs=1e-9)


@given(st.floats(0, 5), st.floats(10, 1e6), st.lists(st.integers(1, 10**7), min_size=2, max_size=2, unique=True))
def test_the_marginal_rate_is_free_of_what_every_drain_takes(fixed_s: float, rate: float, sizes: list[int]) -> None:
    one, other = (Drained(size, fixed_s + size / rate, 1.0) for size in sizes)
    if abs(one.seconds - other.seconds) > 1e-6 * one.seconds:
        assert marginal(one, other) == pytest.approx(rate, rel=1e-3)


def test_a_larger_backlog_that_was_no_longer_says_nothing() -> None:
    assert marginal(Drained(100, 2.0, 1.0), Drained(200, 2.0, 1.0)) is None
    assert marginal(Drained(100, 2.0, 1.0), Drained(200, 1.5, 1.0)) is None
    assert marginal(Drained(100, 2.0, 1.0), Drained(100, 1.5, 1.0)) is None


def test_the_later_half_has_the_one_in_the_middle() -> None:
    backlogs = [Drained(10, seconds, cpu_s) for seconds, cpu_s in ((9.0, 9.0), (2.0, 1.0), (4.0, 3.0))]
    assert list(later_half(backlogs)) == backlogs[1:]
    assert average(later_half(backlogs)) == Drained(10, 3.0, 2.0)
