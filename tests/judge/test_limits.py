"""What the judge could not search ends in doubt, never in a verdict against an engine that may be honest."""

from __future__ import annotations

import pytest

from tests.judge.recording import Recording
from workloads.sensors import workload

WEAK = {"processing_claimed": "at-least-once", "delivery_claimed": "at-least-once"}


@pytest.fixture
def weak(recording: Recording) -> Recording:
    recording.plan = recording.plan.model_copy(update=WEAK)
    return recording


def counted_again(recording: Recording, window, times: dict[int, int]) -> None:
    """The row of a window in which the events at these places are counted so many times more."""
    ids = recording.members[window]
    more = [ids[place] for place, count in times.items() for _ in range(count)]
    recording.row(window).value = recording.answer(window, [*ids, *more])


def test_events_that_are_counted_unevenly_often_convict_no_engine_that_may_count_twice(weak, judged):
    counted_again(weak, weak.largest(), {0: 1, 2: 3, 4: 2})
    case = judged(weak)["paced"]
    assert case.kinds == {"broken audit": 1}
    assert case.outcome == "unknown"
    assert "could not be explained within the limits of the search" in case.reason


def test_they_convict_an_engine_that_claims_exactly_once(recording, judged):
    counted_again(recording, recording.largest(), {0: 1, 2: 3, 4: 2})
    case = judged(recording)["paced"]
    assert (case.outcome, case.kinds) == ("fail", {"broken audit": 1})


def test_what_was_searched_to_the_end_convicts_whatever_is_claimed(weak, judged):
    row = weak.row(weak.largest())
    row.value = row.value | {"count": row.value["count"] + 1, "ids": row.value["ids"] + 999_999}
    case = judged(weak)["paced"]
    assert (case.outcome, case.kinds) == ("fail", {"broken audit": 1})


def test_a_doubtful_row_beside_one_that_convicts_is_no_excuse(weak, judged):
    counted_again(weak, weak.largest(), {0: 1, 2: 3, 4: 2})
    other = weak.row(weak.largest(rank=1))
    other.value = other.value | {"sum": other.value["sum"] + 1}
    assert judged(weak)["paced"].outcome == "fail"


@pytest.mark.parametrize("limit", [3, 1_000_000])
def test_moved_windows_that_were_not_paired_leave_no_verdict(judge_shaped, monkeypatch, limit):
    from tests.judge.shapes import shaped

    made = shaped("sliding-count")
    events = [made.events[0], *made.events]
    made.rows = made.answer(events)
    recording = made.recording()
    recording.plan = recording.plan.model_copy(update=WEAK)
    monkeypatch.setattr("results.verdict.pairing.PAIRED", limit)
    monkeypatch.setattr("results.judge.PAIRED", limit)
    case = judge_shaped.recorded(made, recording)
    assert case.outcome == ("unknown" if limit == 3 else "pass"), case.reason
    assert ("beyond the first 3, were not looked into" in case.reason) == (limit == 3)


def test_the_made_up_windows_have_enough_events(recording):
    assert len(recording.members[recording.largest()]) > 5
    assert workload.name == "sensors"
