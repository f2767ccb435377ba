"""The rules of a search for the sustained rate, on made-up engines whose limit is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from results.rate_search import (
    COMMITS_NEEDED,
    STEP,
    UPS,
    Ask,
    Commit,
    Late,
    ProbeOutcome,
    Tried,
    breaks,
    found,
    next_probe,
    outcome,
    slope,
)

LIMIT = 37_000.0

IN_TIME = Late(3, 2)


def searched(engine: Callable[[Ask], ProbeOutcome], first: float = 20_000, most: float = 1e6) -> list[Tried]:
    tried: list[Tried] = []
    while (ask := next_probe(tried, first, most)) is not None:
        tried.append(Tried(ask.rate, engine(ask), ask.confirming))
        assert len(tried) < 60, "the search does not end"
    return tried


def limited(ask: Ask) -> ProbeOutcome:
    return "held" if ask.rate <= LIMIT else "failed"


@pytest.mark.parametrize("first", [100.0, 5_000.0, 36_900.0, 37_100.0, 400_000.0])
def test_the_limit_is_found_to_a_step_with_a_probe_that_held_and_one_that_failed(first):
    tried = searched(limited, first)
    pair = found(tried)
    assert pair.held is not None
    assert pair.failed is not None
    assert pair.held <= LIMIT < pair.failed
    assert pair.failed / pair.held <= (1 + STEP) * 1.002
    assert pair.confirmed
    assert Tried(pair.held, "held", confirming=True) in tried
    assert any(each.confirming and each.outcome == "failed" and each.rate > pair.held for each in tried)


def test_a_rate_that_only_a_short_probe_held_is_not_reported():
    def tires(ask: Ask) -> ProbeOutcome:
        limit = 0.8 * LIMIT if ask.confirming else LIMIT
        return "held" if ask.rate <= limit else "failed"

    pair = found(searched(tires))
    assert pair.held is not None
    assert pair.held <= 0.8 * LIMIT
    assert pair.confirmed


def test_where_the_step_above_holds_it_goes_up_twice_and_then_reports_what_held():
    def shy(ask: Ask) -> ProbeOutcome:
        return "held" if ask.confirming or ask.rate <= LIMIT else "failed"

    tried = searched(shy)
    pair = found(tried)
    assert sum(each.confirming for each in tried) == 1 + UPS
    assert pair.held == max(each.rate for each in tried if each.confirming)
    assert pair.held > LIMIT


def test_what_only_a_longer_probe_could_tell_is_no_step_above() -> None:
    def noisy(ask: Ask) -> ProbeOutcome:
        if ask.rate > LIMIT:
            return "failed"
        return "held" if ask.confirming else "inconclusive"

    tried = searched(noisy)
    pair = found(tried)
    assert sum(each.confirming and each.outcome == "held" for each in tried) > 1 + UPS
    assert pair.held is not None
    assert any(each.confirming and each.outcome == "failed" and each.rate > pair.held for each in tried)


def test_the_harnesss_ceiling_is_no_limit_of_the_engine():
    def fast(ask: Ask) -> ProbeOutcome:
        return "ceiling" if ask.rate > 90_000 else "held"

    pair = found(searched(fast))
    assert pair.by_harness
    assert pair.held is not None
    assert pair.held <= 90_000


def test_an_engine_that_holds_everything_is_tried_at_the_largest_rate_and_no_more():
    tried = searched(lambda _: "held", most=64_000)
    assert max(each.rate for each in tried) == 64_000
    assert found(tried).failed is None


def test_an_engine_that_holds_nothing_ends_the_search():
    tried = searched(lambda _: "failed")
    assert found(tried).held is None
    assert len(tried) < 20


def test_what_cannot_be_told_is_tried_once_more_for_longer_and_then_given_up():
    tried = searched(lambda _: "inconclusive")
    assert [each.confirming for each in tried] == [False, True]


def test_a_rate_that_held_above_one_that_failed_is_not_believed():
    pair = found([Tried(10, "held"), Tried(20, "failed"), Tried(30, "held")])
    assert (pair.held, pair.failed) == (10, 20)


def steady(rate: float, keeps: float, interval_s: float = 1.0, length_s: float = 15.0) -> list[Commit]:
    """Commits of an engine that takes a share of the load, with what comes while one is made."""
    times = np.arange(interval_s, length_s, interval_s)
    return [Commit(float(at), round(rate * (1 - keeps) * at + 0.05 * rate)) for at in times]


def test_a_job_that_keeps_up_has_no_slope_and_one_that_does_not_has_what_it_loses():
    assert slope(steady(5_000, 1.0), 5_000) == pytest.approx(0, abs=1e-3)
    assert slope(steady(5_000, 0.9), 5_000) == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize(
    ("keeps", "late", "cut", "told"),
    [
        (1.0, IN_TIME, False, "held"),
        (0.995, IN_TIME, False, "held"),
        (0.985, IN_TIME, False, "failed"),
        (1.0, Late(900, 900), False, "ceiling"),
        (1.0, Late(900, 900), True, "ceiling"),
        (1.0, Late(900, 1), False, "held"),
        (1.0, Late(1100, 1), False, "inconclusive"),
        (1.0, IN_TIME, True, "failed"),
    ],
)
def test_a_rate_is_held_if_the_lag_does_not_grow_and_the_generator_was_in_time(keeps, late, cut, told):
    assert outcome(steady(5_000, keeps), 5_000, late, cut, 1000) == told


def test_of_few_commits_nothing_is_told():
    few = steady(5_000, 1.0)[: COMMITS_NEEDED - 1]
    assert slope(few, 5_000) is None
    assert outcome(few, 5_000, IN_TIME, False, 1000) == outcome(None, 5_000, IN_TIME, False, 1000) == "inconclusive"


def test_a_probe_is_cut_once_it_has_been_falling_behind_for_four_seconds():
    losing = steady(5_000, 0.9)
    assert not breaks(losing[:4], 5_000)
    assert not breaks(losing[:7], 5_000)
    assert breaks(losing[:8], 5_000)
    assert not breaks(steady(5_000, 0.97), 5_000)
    assert not breaks(steady(5_000, 1.0), 5_000)


def test_one_slow_start_that_is_made_up_for_is_no_reason_to_cut():
    late = [Commit(float(at), 3_000 if at < 3 else 200) for at in range(1, 10)]
    assert not breaks(late, 5_000)


def test_every_rate_of_a_search_is_one_that_can_be_sent():
    for each in searched(limited):
        assert math.isfinite(each.rate)
        assert 0 < each.rate <= 1e6
