"""Whether the measured part of a paced load was steady, told from made-up histories."""

from __future__ import annotations

import pytest

from results.history import PhaseBegin
from tests.judge.recording import PACED, SECOND, Recording, perfect
from tests.judge.test_latency import of_phase
from tests.judge.test_latency_parts import COMMIT_MS, ENGINE_MS, stamped  # noqa: F401  # a fixture
from tests.judge.test_warm import ENGINE, value, without_drains


def begin_ns(recording: Recording) -> int:
    """When the measured part begins."""
    return recording.of(PhaseBegin)[0].start_ns + int(PACED.warmup_s) * SECOND


def paced_with(cores: list[tuple[int, float]]) -> Recording:
    """A paced part in which the engine takes so many cores, each from a second of the measured part on."""
    recording = perfect()
    recording.plan = recording.plan.model_copy(update={"drain": None})
    start_s = begin_ns(recording) // SECOND
    without_drains(recording)
    recording.samples, recording.machine, spent = [], [], 0.0
    for second in range(990, recording.marks[-1].at_ns // SECOND + 1):
        recording.samples.append((second * SECOND, *ENGINE, spent, 1, 1))
        spent += next((each for begin_s, each in reversed(cores) if second >= start_s + begin_s), 0.0)
    return recording


def test_halves_of_a_measured_part_that_cost_as_much_are_steady(judged):
    case = judged(paced_with([(0, 0.5), (12, 0.52)]))["paced"]
    assert value(case, "busy_cores_drift") == pytest.approx(4)
    assert case.notes == []


def test_halves_that_differ_by_more_than_a_tenth_are_not_steady(judged):
    case = judged(paced_with([(0, 0.5), (12, 0.4)]))["paced"]
    assert value(case, "busy_cores_drift") == pytest.approx(-20)
    told = "not steady: the engine took 0.50 cores in the earlier half of the measured part and 0.40 in the later one"
    assert case.notes == [told]


def test_halves_are_of_whole_commit_intervals_at_one_point_of_them(judged):
    # At the beginning of each interval there is a burst.
    recording = paced_with([(0, 5.0), (1, 0.1), (8, 9.0), (9, 0.1), (16, 5.0), (17, 0.1)])
    recording.plan = recording.plan.model_copy(update={"interval_ms": 8000})
    assert judged(recording)["paced"].absent["busy_cores_drift"] == "halves of the measured part are shorter than 10 s"
    recording = paced_with([(0, 5.0), (1, 0.1), (12, 5.0), (13, 0.1)])
    recording.plan = recording.plan.model_copy(update={"interval_ms": 12_000})
    assert value(judged(recording)["paced"], "busy_cores_drift") == pytest.approx(0)


INTERVAL_MS = 700
"""Windows close every second: like this at seven points of the commit interval."""


def slower(recording: Recording, later_ms: int) -> Recording:
    """Rows of the later half of the measured part are appended so much later, and visible at the same time."""
    middle_ns = begin_ns(recording) + int(PACED.measured_s / 2) * SECOND
    for row in of_phase(recording):
        row.appended_ms += later_ms if row.visible_ns > middle_ns else 0
    recording.plan = recording.plan.model_copy(update={"interval_ms": INTERVAL_MS})
    return recording


def test_an_engine_that_answers_as_fast_in_both_halves_is_steady(stamped, judged):  # noqa: F811
    case = judged(slower(stamped, 5))["paced"]
    assert value(case, "engine_latency_drift") == pytest.approx(100 * 5 / ENGINE_MS, abs=2)
    assert case.notes == []


def test_an_engine_that_answers_more_slowly_in_the_later_half_is_not_steady(stamped, judged):  # noqa: F811
    case = judged(slower(stamped, 30))["paced"]
    assert value(case, "engine_latency_drift") == pytest.approx(100 * 30 / ENGINE_MS, abs=2)
    (note,) = case.notes
    assert note.startswith("not steady: the engine took")
    assert COMMIT_MS > 30, "the whole latency is as it was"


def test_halves_whose_results_are_final_at_other_points_are_not_compared(stamped, judged):  # noqa: F811
    recording = slower(stamped, 30)
    recording.plan = recording.plan.model_copy(update={"interval_ms": 1000})
    case = judged(recording)["paced"]
    assert "parts of the commit interval" in case.absent["engine_latency_drift"]
    assert case.notes == []
