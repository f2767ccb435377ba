"""What disturbed a time at which figures of their own are taken brackets these, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from results.history import Committed, EngineReady
from results.plan import Drain
from results.result import CaseResult
from tests.judge import recording as made
from tests.judge.recording import SECOND, Recording
from tests.judge.test_warm import EVENTS, WARM, Backlog, drained

Judged = Callable[[Recording], dict[str, CaseResult]]

EQUAL_S = 4.0
START = ("startup_seconds",)
COLD = ("cold_drain_rate", "cold_events_per_cpu_second")
MARGINAL = ("marginal_drain_rate", "drain_fixed_seconds")
WARM_ONES = ("drain_rate", "events_per_cpu_second")


def history() -> Recording:
    """Six equal backlogs and a larger one, each long enough that other work can be told, on a machine that is quiet."""
    recording = drained([*(Backlog(EVENTS, EQUAL_S, each) for each in WARM), Backlog(1000, 8.0, 2.0)])
    times = range(990 * SECOND, recording.marks[-1].at_ns, SECOND // 2)
    recording.machine = [made.machine_row(at_ns, times[0]) for at_ns in times]
    return recording


def released_ns(recording: Recording, number: int) -> int:
    return next(each.at_ns for each in recording.of(Committed) if each.phase == f"drain-{number}")


def starting_ns(recording: Recording) -> tuple[int, int]:
    (ready,) = recording.of(EngineReady)
    return ready.at_ns - int(ready.startup_s * SECOND), ready.at_ns


def worked(recording: Recording, from_ns: int, until_ns: int, cores: float = 1.0) -> None:
    """Others take so many cores between two times."""
    for row in recording.machine:
        row["busy_s"] += cores * (min(max(row["at_ns"], from_ns), until_ns) - from_ns) / SECOND


def bracketed(case: CaseResult) -> set[str]:
    return {name for name, value in case.metrics.items() if value.bracketed}


def test_work_beside_the_start_brackets_what_the_start_took_and_nothing_else(judged: Judged) -> None:
    recording = history()
    worked(recording, *starting_ns(recording))
    for case in judged(recording).values():
        assert bracketed(case) == set(START)
        assert case.metrics["startup_foreign_share"].value == pytest.approx(50, abs=1)
        assert case.notes == ["beside the start other work took 50 % of the CPU time"]


def test_a_short_start_is_not_called_quiet(judged: Judged) -> None:
    recording = history()
    ready = recording.of(EngineReady)[0]
    recording.marks[recording.marks.index(ready)] = ready.model_copy(update={"startup_s": 1.0})
    case = judged(recording)["drain"]
    assert case.absent["startup_foreign_share"] == "whether other work took CPU cannot be told of a time under 3 s"


def test_work_beside_the_first_backlog_brackets_what_is_cold_and_nothing_else(judged: Judged) -> None:
    recording = history()
    released = released_ns(recording, 1)
    worked(recording, released, released + int(EQUAL_S * SECOND))
    case = judged(recording)["drain"]
    assert bracketed(case) == set(COLD)
    assert case.metrics["cold_foreign_share"].value == pytest.approx(50, abs=1)
    assert case.metrics["foreign_share"].value == pytest.approx(0, abs=1)


def test_a_little_work_beside_the_first_backlog_leaves_its_figure_of_cpu(judged: Judged) -> None:
    recording = history()
    released = released_ns(recording, 1)
    worked(recording, released, released + int(EQUAL_S * SECOND), 0.2)
    assert bracketed(judged(recording)["drain"]) == {"cold_drain_rate"}


def test_work_beside_the_last_backlog_leaves_what_is_cold(judged: Judged) -> None:
    recording = history()
    released = released_ns(recording, 7)
    worked(recording, released, released + 8 * SECOND)
    case = judged(recording)["drain"]
    assert {*WARM_ONES, *MARGINAL} <= bracketed(case)
    assert not {*COLD, *START} & bracketed(case)


def test_work_beside_the_equal_backlogs_hides_whether_the_engine_was_warm(judged: Judged) -> None:
    recording = history()
    worked(recording, released_ns(recording, 2), released_ns(recording, 7) - 2 * SECOND)
    case = judged(recording)["drain"]
    (why,) = case.metrics["drain_rate"].bracketed
    assert why.startswith("the engine is not known to have been warm: beside the equal backlogs other work took ")
    assert set(MARGINAL) <= bracketed(case)
    assert not set(COLD) & bracketed(case)


def test_a_little_work_beside_them_brackets_the_marginal_rate_alone(judged: Judged) -> None:
    recording = history()
    worked(recording, released_ns(recording, 4), released_ns(recording, 7) - 2 * SECOND, 0.3)
    assert bracketed(judged(recording)["drain"]) == set(MARGINAL)


@pytest.mark.parametrize(("name", "brackets"), [("broker", True), ("collector", False)])
def test_what_stood_still_beside_the_start_brackets_it(judged: Judged, name: str, brackets: bool) -> None:
    recording = history()
    from_ns, until_ns = starting_ns(recording)
    recording.stops = [(from_ns + SECOND, until_ns - SECOND, name, 7)]
    assert bracketed(judged(recording)["drain"]) == (set(START) if brackets else set())


@pytest.mark.parametrize(("number", "expected"), [(1, COLD), (None, START)])
def test_a_machine_that_slept_brackets_what_is_taken_of_that_time(
    judged: Judged, number: int | None, expected: tuple[str, ...]
) -> None:
    recording = history()
    at_ns = (released_ns(recording, number) if number else starting_ns(recording)[0]) + SECOND
    for row in recording.machine:
        row["asleep_ns"] = 60 * SECOND if row["at_ns"] > at_ns else 0
    told = judged(recording)
    assert set(expected) <= bracketed(told["drain"])
    assert not bracketed(told["paced"]) - set(START)


def test_of_equal_backlogs_that_are_measured_together_all_are_looked_at(judged: Judged) -> None:
    recording = history()
    asked = Drain(events=EVENTS, intervals=4, budget_s=60, max_events=4000, backlogs=3, measured=3)
    recording.plan = recording.plan.model_copy(update={"drain": asked})
    worked(recording, released_ns(recording, 5), released_ns(recording, 6))
    assert "equal_drain_rate" in bracketed(judged(recording)["drain"])
