"""Rows that are due and not visible, right after each commit: an engine that keeps up, and some that do not."""

from __future__ import annotations

import numpy as np
import pytest

from results.judge import judge
from results.metrics.kept_up import lag
from tests.judge.recording import SECOND
from workloads.stream import Integers

WITHIN = 10 * SECOND, 35 * SECOND


def windows(rows: int = 1000, every_s: float = 1 / 0.96) -> Integers:
    """When rows come due: windows with that many keys close, a little further apart than commits are."""
    return np.repeat((np.arange(0.3, 40, every_s) * SECOND).astype(np.int64), rows)


def steady(rate: int = 2000) -> Integers:
    """Rows that come due one by one."""
    return (np.arange(40 * rate) / rate * SECOND).astype(np.int64)


def committed(due: Integers, behind_s: float | Integers, interval_s: float = 1.0) -> Integers:
    """Rows become visible with the first commit after they were worked on for so long."""
    interval = int(interval_s * SECOND)
    return np.asarray(-(-(due + np.asarray(behind_s) * SECOND) // interval) * interval, dtype=np.int64)


@pytest.mark.parametrize("due", [windows(), steady(), windows(50, 5.0)], ids=["windows", "steady", "rare windows"])
@pytest.mark.parametrize("behind_s", [0.0, 0.2, 0.7, 1.5])
def test_an_engine_that_keeps_up_is_accused_of_nothing(due: Integers, behind_s: float) -> None:
    told = lag(due, committed(due, behind_s), WITHIN, SECOND)
    assert told is not None
    assert not told.grew
    assert not told.behind


def test_batches_that_last_longer_than_the_interval_and_vary_are_no_growth() -> None:
    chance = np.random.default_rng(1)
    for _ in range(50):
        ends = np.cumsum(chance.normal(1.4, 0.3, 60).clip(0.8))
        due = windows()
        # A batch holds what was there as it began, and is visible at its end.
        place = np.searchsorted(ends, due / SECOND) + 1
        visible = (ends[np.minimum(place, len(ends) - 1)] * SECOND).astype(np.int64)
        told = lag(due, visible, WITHIN, SECOND)
        assert told is not None
        assert not told.grew
        assert not told.behind


@pytest.mark.parametrize("due", [windows(), steady()], ids=["windows", "steady"])
def test_an_engine_slower_than_the_load_did_not_keep_up(due: Integers) -> None:
    told = lag(due, committed(due, due / SECOND * 0.15), WITHIN, SECOND)
    assert told is not None
    assert told.grew


@pytest.mark.parametrize("due", [windows(), steady()], ids=["windows", "steady"])
def test_an_engine_that_works_off_a_backlog_had_not_caught_up(due: Integers) -> None:
    behind_s = np.clip(12 - due / SECOND * 0.4, 0.2, None)
    told = lag(due, committed(due, behind_s), WITHIN, SECOND)
    assert told is not None
    assert told.behind
    assert not told.grew


def test_an_engine_that_stops_to_commit_did_not_keep_up() -> None:
    due = steady()
    visible = committed(due, 0.1)
    visible[due > 15 * SECOND] = 60 * SECOND
    told = lag(due, visible, WITHIN, SECOND)
    assert told is not None
    assert told.grew


def test_what_is_too_short_says_nothing() -> None:
    due = steady()
    assert lag(due, committed(due, 0.1), (10 * SECOND, 15 * SECOND), SECOND) is None
    assert lag(due, committed(due, 0.1), (60 * SECOND, 90 * SECOND), SECOND) is None


def paced(recording, folder):
    return next(case for case in judge(recording.write(folder)) if case.phase == "paced")


def delayed(recording, further_ns):
    """Every row of the paced phase becomes visible later by what the function says of its time in the phase."""
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "paced")
    end_ns = begin.start_ns + 26 * SECOND
    for row in recording.rows:
        if begin.start_ns <= row.visible_ns < end_ns:
            row.visible_ns = min(row.visible_ns + int(further_ns(row.visible_ns - begin.start_ns)), end_ns)


def test_the_result_names_an_engine_that_did_not_keep_up_and_brackets_its_latency(recording, tmp_path):
    delayed(recording, lambda at_ns: 0.4 * at_ns)
    case = paced(recording, tmp_path / "history")
    assert case.outcome == "pass", "rows are right, and nothing is said against them"
    assert any(note.startswith("did not keep up: ") for note in case.notes)
    assert case.metrics["latency_p50"].bracketed
    assert not case.metrics["busy_cores"].bracketed


def test_the_result_names_an_engine_that_had_not_caught_up(recording, tmp_path):
    delayed(recording, lambda at_ns: max(0, 9 * SECOND - 0.4 * at_ns))
    case = paced(recording, tmp_path / "history")
    assert any(note.startswith("had not caught up: ") for note in case.notes)
    assert case.metrics["latency_p99"].bracketed


def test_a_perfect_engine_kept_up(recording, tmp_path):
    case = paced(recording, tmp_path / "history")
    assert case.metrics["lag_growth"].value == 0
    assert case.notes == []
