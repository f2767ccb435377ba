"""The two stages of the gate: what is flagged, what fails, and how often chance alone does either."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.gate.decision import (
    FRESH_P,
    FRESH_PAIRS,
    SCREEN_PAIRS,
    as_share,
    as_worsening,
    flagged,
    floor,
    holm,
    paired,
    slower,
    unpaired,
    worsening,
)
from results.gate.student import tail

LIMIT = as_worsening(0.10, lower_is_better=False)
TESTS = 6
"""Two engines with three figures each."""

SESSIONS = 3000


def gate(draw: np.random.Generator, noise: float, planted: float) -> tuple[bool, bool]:
    """A session whose first case became slower by `planted`: whether that was found, and whether another one was.

    noise: of a trial, normal, half of its variance common to all figures of the trial.
    """

    def pairs(number: int) -> np.ndarray:
        sides = draw.normal(0, noise * math.sqrt(0.5), (2, number, TESTS))
        common = draw.normal(0, noise * math.sqrt(0.5), (2, number, 1))
        shifted = np.zeros(TESTS)
        shifted[0] = as_worsening(planted, lower_is_better=False)
        return (sides + common)[1] - (sides + common)[0] + shifted

    screen = pairs(SCREEN_PAIRS)
    again = [test for test in range(TESTS) if flagged(paired(screen[:, test]), LIMIT)]
    fresh = pairs(FRESH_PAIRS)
    seen = {test: paired(fresh[:, test]) for test in again}
    adjusted = holm({test: one.p for test, one in seen.items()})
    failed = {test for test in again if slower(seen[test], adjusted[test], LIMIT)}
    return 0 in failed, bool(failed - {0})


@pytest.mark.parametrize(
    ("noise", "most_alarms", "least_found"), [(0.03, 0.001, 0.99), (0.05, 0.003, 0.90), (0.08, 0.01, 0.60)]
)
def test_chance_hardly_ever_fails_a_session_and_a_slowdown_is_found(
    noise: float, most_alarms: float, least_found: float
) -> None:
    draw = np.random.default_rng(17)
    quiet = [gate(draw, noise, 0.0) for _ in range(SESSIONS)]
    assert sum(found or other for found, other in quiet) / SESSIONS <= most_alarms
    slow = [gate(draw, noise, 0.15) for _ in range(SESSIONS // 3)]
    assert sum(found for found, _ in slow) / len(slow) >= least_found


def test_seven_pairs_can_fail_in_a_family_of_twelve() -> None:
    """Wilcoxon's exact test cannot: its smallest p of seven pairs is 0.0078, and twelve times that is above 0.05."""
    seen = paired([0.15, 0.16, 0.14, 0.15, 0.17, 0.15, 0.16])
    adjusted = holm({0: seen.p, **dict.fromkeys(range(1, 12), 1.0)})
    assert slower(seen, adjusted[0], LIMIT)


def test_a_change_below_the_limit_never_fails_however_certain() -> None:
    seen = paired([0.09, 0.09, 0.09, 0.09, 0.09, 0.09, 0.0901])
    assert seen.p < 1e-6
    assert not slower(seen, seen.p, LIMIT)


def test_what_became_better_is_not_flagged() -> None:
    seen = paired([-0.3, -0.31, -0.29, -0.3, -0.3])
    assert seen.p > 0.99 and not flagged(seen, LIMIT)


def test_pairs_without_any_spread_are_judged_by_their_sign() -> None:
    assert (paired([0.2] * 5).p, paired([0.0] * 5).p, paired([-0.2] * 5).p) == (0.0, 1.0, 1.0)


def test_two_pairs_are_the_least() -> None:
    with pytest.raises(ValueError, match="two pairs"):
        paired([0.1])
    with pytest.raises(ValueError, match="two trials"):
        unpaired([0.1], [0.1, 0.2])


def test_paired_is_the_textbook_example() -> None:
    """Student's own: the additional hours of sleep of ten patients; t = 4.0621, one-sided p = 0.0014."""
    sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    assert paired(sleep).p == pytest.approx(0.001416, abs=2e-6)


def test_unpaired_asks_for_more_than_the_exact_degrees_of_freedom_do() -> None:
    """The same patients as two groups: t = 1.8608; Welch's 17.8 degrees of freedom give 0.0397, the least nine more."""
    old = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    new = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    assert unpaired(old, new).p == pytest.approx(tail(1.8608, 9), abs=1e-4)
    assert unpaired(old, new).p > 0.0397


def test_holm_is_the_textbook_example() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == {
        "d": pytest.approx(0.02),
        "a": pytest.approx(0.03),
        "c": pytest.approx(0.06),
        "b": pytest.approx(0.06),
    }
    assert holm({}) == {}


@given(st.dictionaries(st.integers(), st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_values_are_no_smaller_and_keep_their_order(p: Mapping[int, float]) -> None:
    found = holm(p)
    assert all(p[name] <= found[name] <= 1 for name in p)
    assert all(found[one] <= found[other] for one in p for other in p if p[one] < p[other])


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.booleans())
def test_a_share_goes_to_the_scale_and_back(old: float, new: float, lower: bool) -> None:
    worse = worsening(old, new, lower)
    share = as_share(worse, lower)
    assert share == pytest.approx((new - old) / old if lower else (old - new) / old, rel=1e-6, abs=1e-9)
    if share < 0.999:
        assert as_worsening(share, lower) == pytest.approx(worse, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_has_no_logarithm_is_not_compared(value: float) -> None:
    for pair in ((value, 1.0), (1.0, value)):
        with pytest.raises(ValueError, match="above zero"):
            worsening(*pair, lower_is_better=True)


def test_the_floor_is_a_worsening_that_is_found_eight_times_in_ten() -> None:
    draw, noise = np.random.default_rng(3), 0.05
    least = floor(list(draw.normal(0, noise * math.sqrt(2), 500)), FRESH_PAIRS, FRESH_P)
    assert least is not None
    sessions = draw.normal(least, noise * math.sqrt(2), (2000, FRESH_PAIRS))
    assert np.mean([paired(one).p <= FRESH_P for one in sessions]) == pytest.approx(0.8, abs=0.04)


def test_without_trials_of_one_side_there_is_no_floor() -> None:
    assert floor([], FRESH_PAIRS, FRESH_P) is None
    assert floor([0.0, 0.0], FRESH_PAIRS, FRESH_P) == 0.0
