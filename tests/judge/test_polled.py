"""Where a command prints the output there is a verdict, and nothing that rests on when a row was there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from results.metrics.latency import RESULT
from results.plan import POLLED
from tests.judge.conftest import Judged
from tests.judge.recording import Recording, Row
from tests.judge.shapes import Shaped, shaped
from tests.judge.test_forbidden import swapped

Judge = Callable[[Recording], Judged]


def polled(recording: Recording) -> Recording:
    """The same, as if a command had printed all rows after the last event: in one partition, at one time."""
    last_ns = max(row.visible_ns for row in recording.rows)
    recording.plan = recording.plan.model_copy(update={"polled": True})
    recording.rows = [Row(0, last_ns, row.value) for row in recording.rows]
    return recording


def test_right_rows_pass_without_a_figure_of_speed(recording: Recording, judged: Judge) -> None:
    timed = judged(recording)
    assert RESULT["p50"].name in timed["paced"].metrics
    cases = judged(polled(recording))
    assert {case.outcome for case in cases.values()} == {"pass"}
    for phase, case in cases.items():
        told = timed[phase].metrics.keys() - case.metrics.keys()
        assert told
        assert all(case.absent[name] == f"none: {POLLED}" for name in told)
        assert not [name for name in case.metrics if "latency" in name or "drain_rate" in name]
        assert POLLED in case.notes
        assert POLLED in case.reason
    # What is measured of processes stands.
    assert "startup_seconds" in cases["paced"].metrics


def test_a_row_that_is_missing_or_there_twice_is_found(recording: Recording, judged: Judge) -> None:
    polled(recording)
    again = recording.rows[0]
    recording.rows = [again, *recording.rows[2:], again]
    kinds: dict[str, int] = {}
    explained = []
    for case in judged(recording).values():
        for kind, count in case.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
        explained += [offence.explanation for offence in case.offences if offence.kind == "duplicate"]
    assert kinds == {"loss": 1, "duplicate": 1}
    assert explained == ["the same row is there 2 times"]


@pytest.mark.parametrize("name", ["running", "count"])
def test_rows_that_are_printed_have_no_order(judge_shaped: Any, name: str) -> None:
    made: Shaped = swapped(shaped(name))
    assert judge_shaped(made).outcome == "fail"
    assert judge_shaped.recorded(made, polled(made.recording())).outcome == "pass"
