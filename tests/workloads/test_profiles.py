"""Rate profiles: planned times follow the shape, and the mean rate stays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from workloads.profile import Kind, Profile
from workloads.stream import Segment, planned_ns, spaced_ns

RATE, SECONDS = 1000.0, 20.0
COUNT = int(RATE * SECONDS)
KINDS: tuple[Kind, ...] = ("constant", "step", "ramp", "burst", "sine", "on-off")


def by_second(profile: Profile) -> list[int]:
    """Events planned in each second."""
    planned = planned_ns(np.arange(COUNT), RATE, COUNT, profile.curve(SECONDS))
    return np.bincount(planned // 1_000_000_000, minlength=int(SECONDS)).tolist()


def test_a_step_is_so_many_times_as_fast_from_where_it_is() -> None:
    found = by_second(Profile("step", factor=3, at=0.5))
    assert found[:10] == pytest.approx([500] * 10, abs=2)
    assert found[10:] == pytest.approx([1500] * 10, abs=2)


def test_a_ramp_rises_evenly() -> None:
    found = by_second(Profile("ramp", factor=4))
    assert found[-1] / found[0] == pytest.approx(4, rel=0.15)
    assert np.diff(found).min() >= 0


def test_bursts_come_once_a_period() -> None:
    found = by_second(Profile("burst", factor=6, share=0.2, period_s=5))
    assert found == pytest.approx([3000, 500, 500, 500, 500] * 4, abs=2)


def test_a_wave_has_its_crest_amid_the_period() -> None:
    found = by_second(Profile("sine", factor=3, period_s=10))
    # The mean of 1 - cos(x) / 2 over a tenth of the period, at its trough and at its crest.
    least = 1 - np.sin(math.tau / 10) / (math.tau / 10) / 2
    assert (min(found), max(found)) == pytest.approx((1000 * least, 1000 * (2 - least)), rel=0.01)
    assert found.index(max(found)) in (4, 5)


def test_on_and_off_sends_nothing_in_between() -> None:
    found = by_second(Profile("on-off", share=0.4, period_s=5))
    assert found == pytest.approx([2500, 2500, 0, 0, 0] * 4, abs=2)


@given(
    some.sampled_from(KINDS),
    some.floats(0.1, 50),
    some.floats(0.05, 0.95),
    some.floats(0.05, 0.95),
    some.floats(0.2, 40),
    some.floats(1, 60),
)
def test_times_ascend_within_the_duration_whatever_the_shape(
    kind: Kind, factor: float, at: float, share: float, period_s: float, seconds: float
) -> None:
    curve = Profile(kind, factor, at, share, period_s).curve(seconds)
    count = round(RATE * seconds)
    planned = planned_ns(np.arange(count), RATE, count, curve)
    assert planned[0] == 0
    assert np.diff(planned).min() >= 0
    assert planned[-1] < seconds * 1e9 + 1e6


def test_a_steady_profile_is_that_of_no_profile_to_the_nanosecond() -> None:
    positions = np.arange(1000)
    assert Profile("constant").curve(SECONDS) == ()
    assert planned_ns(positions, 700.0, 1000).tolist() == spaced_ns(positions, 700.0).tolist()


def test_event_time_follows_planned_time() -> None:
    segment = Segment(100, COUNT, 0, RATE * 0.96, Profile("burst").curve(SECONDS))
    ids = 100 + np.arange(COUNT)
    assert segment.offsets_ns(ids) * 0.96 == pytest.approx(segment.planned_ns(ids, RATE), abs=2)


@pytest.mark.parametrize("wrong", [{"factor": 0}, {"at": 1}, {"share": 0}, {"period_s": 0.01}])
def test_what_makes_no_profile_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="makes no rate profile"):
        Profile("step", **wrong)
