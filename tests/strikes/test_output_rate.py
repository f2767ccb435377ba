"""When a job that was struck counts as steady again."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from engines.protocol import Progress
from harness.strikes.gauge import GaugeReading
from harness.strikes.output_rate import OutputRate, Steady, output_rate

STEP_S = 0.05
BEFORE = OutputRate(rate=300.0, pause_s=1.1)


def readings(rates: Iterable[tuple[float, float]]) -> list[GaugeReading]:
    """A reading each step; of (seconds, records a second), which come once a second, as windows close."""
    found, at_s, due, visible = [], 0.0, 0.0, 0
    for lasts_s, rate in rates:
        for _ in range(round(lasts_s / STEP_S)):
            at_s += STEP_S
            due += rate * STEP_S
            if int(at_s + 1e-9) > int(at_s - STEP_S + 1e-9):
                visible, due = visible + round(due), 0.0
            found.append(GaugeReading(int(at_s * 1e9), 0, visible, visible, Progress(0), 0, 0, 0))
    return found


def steady_after_s(rates: Iterable[tuple[float, float]]) -> float | None:
    steady = Steady(BEFORE, behind_s=1.5, steady_s=5.5)
    return next((reading.at_ns / 1e9 for reading in readings(rates) if steady.seen(reading)), None)


def test_the_pace_is_the_rate_and_the_longest_time_without_a_new_record():
    found = output_rate(readings([(10.0, 300.0)]))
    assert found.rate == pytest.approx(300.0, rel=0.15)
    assert found.pause_s == pytest.approx(1.0)


def test_a_job_that_never_broke_its_pace_is_steady_once_it_was_watched_for_long_enough():
    assert steady_after_s([(20.0, 300.0)]) == pytest.approx(5.5, abs=0.1)


def test_an_outage_and_its_burst_are_not_steady_though_together_they_are_as_many_as_ever():
    # All of five seconds comes at once, the last moment that the five and a half seconds see.
    after_s = steady_after_s([(1.0, 300.0), (4.0, 0.0), (1.0, 1500.0), (20.0, 300.0)])
    assert after_s is not None
    assert after_s >= 6.0 + 5.0


def test_half_the_pace_is_never_steady():
    assert steady_after_s([(30.0, 150.0)]) is None
