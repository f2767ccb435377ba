"""The figures of several equal backlogs together, from made-up histories whose times and CPU are known."""

from __future__ import annotations

import pytest

from results.plan import Drain
from tests.judge.test_warm import EVENTS, Backlog, drained, value

NAMES = ("equal_drain_rate", "equal_events_per_cpu_second")


def measured(backlogs: list[Backlog], wanted: int | None = 3):
    recording = drained(backlogs, asked=1)
    asked = Drain(events=EVENTS, intervals=4, budget_s=60, max_events=4000, backlogs=1, measured=wanted)
    recording.plan = recording.plan.model_copy(update={"drain": asked})
    return recording


def of(*seconds: float) -> list[Backlog]:
    return [Backlog(EVENTS, each, each / 2) for each in seconds]


def test_the_last_backlogs_count_together_and_the_warm_up_does_not(judged):
    case = judged(measured(of(9.0, 1.0, 2.0, 3.0)))["drain"]
    assert case.outcome == "pass"
    assert value(case, "equal_drain_rate") == pytest.approx(3 * EVENTS / 6.0)
    assert value(case, "equal_events_per_cpu_second") == pytest.approx(3 * EVENTS / 3.0)
    assert case.metrics["equal_drain_rate"].n == 3 * EVENTS


def test_fewer_backlogs_than_asked_say_nothing(judged):
    case = judged(measured(of(1.0, 2.0)))["drain"]
    assert {case.absent[name] for name in NAMES} == {"2 backlogs were drained, and 3 are measured together"}


def test_where_no_equal_ones_are_asked_for_they_are_not_spoken_of(judged):
    case = judged(measured(of(9.0, 1.0, 2.0, 3.0), wanted=None))["drain"]
    assert case.metrics.keys() | case.absent.keys() >= {"drain_rate"}
    assert not {*NAMES} & (case.metrics.keys() | case.absent.keys())


def test_without_cpu_there_is_a_rate_and_no_efficiency(judged):
    case = judged(measured([Backlog(EVENTS, 1.0, 0.0)] * 4))["drain"]
    assert value(case, "equal_drain_rate") == pytest.approx(EVENTS)
    assert case.absent["equal_events_per_cpu_second"] == "the engine's processes spent no CPU that could be seen"
