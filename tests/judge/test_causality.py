"""A row that is visible before what it says could be known is premature: an offence that no guarantee allows."""

from __future__ import annotations

import pytest

from results.history import Closing, Committed
from tests.judge.recording import LATENCY_NS, SECOND
from tests.judge.shapes import PACED, RATE, START_NS, shaped
from workloads.query import ID

MS = 1_000_000
VOID = "rows were visible before they could be known"


def rows_of(recording, phase):
    mark = next(mark for mark in recording.marks if getattr(mark, "mark", "") == "phase-begin" and mark.phase == phase)
    ids = range(mark.segment.first, mark.segment.first + mark.segment.count)
    return [row for row in recording.rows if isinstance(row.value, dict) and row.window in recording.members
            and recording.members[row.window][0] in ids]  # fmt: skip


def test_an_engine_that_reads_what_is_not_committed_is_convicted_and_has_no_speed(recording, judged):
    released = next(mark for mark in recording.of(Committed) if mark.phase == "drain-2")
    for row in rows_of(recording, "drain-2"):
        row.visible_ns -= 3 * SECOND
    early = sum(row.visible_ns < released.at_ns for row in rows_of(recording, "drain-2"))
    case = judged(recording)["drain"]
    assert (case.outcome, case.kinds) == ("fail", {"premature": early})
    assert case.processing is not None
    assert case.processing.seen == "broken"
    assert "before the last of its events was there" in case.reason
    for name in ("drain_rate", "drain_seconds", "events_per_cpu_second"):
        assert name not in case.metrics
        assert VOID in case.absent[name]
    assert case.metrics["memory_peak"].value > 0, "memory is no speed"


def test_a_backlogs_row_just_at_its_release_is_not_premature(recording, judged):
    released = next(mark for mark in recording.of(Committed) if mark.phase == "drain-1")
    row = rows_of(recording, "drain-1")[0]
    row.visible_ns = released.at_ns
    assert judged(recording)["drain"].outcome == "pass"
    row.visible_ns = released.at_ns - 1
    assert judged(recording)["drain"].kinds == {"premature": 1}


def test_a_window_that_nothing_could_have_closed_is_premature_to_the_nanosecond(recording, judged):
    row = rows_of(recording, "paced")[200]
    row.visible_ns -= LATENCY_NS
    assert judged(recording)["paced"].outcome == "pass"
    row.visible_ns -= 1
    case = judged(recording)["paced"]
    assert (case.outcome, case.kinds) == ("fail", {"premature": 1})
    assert "before anything could have closed its window" in case.reason
    assert "latency_p50" not in case.metrics
    assert VOID in case.absent["latency_p50"]


def test_a_window_that_only_a_closing_round_closes_waits_for_it(recording, judged):
    asked = next(mark for mark in recording.of(Closing) if mark.phase == "paced")
    last = max(rows_of(recording, "paced"), key=lambda row: row.window[2])
    last.visible_ns = asked.at_ns
    assert judged(recording)["paced"].outcome == "pass"
    last.visible_ns = asked.at_ns - 1
    assert judged(recording)["paced"].kinds == {"premature": 1}


@pytest.mark.parametrize("name", ["project", "running", "count"])
def test_a_row_of_an_event_that_was_not_planned_yet_is_premature(name, judge_shaped):
    made = shaped(name)
    recording = made.recording()
    last = max(
        (row for row in recording.rows if isinstance(row.value, dict)),
        key=lambda row: row.value[ID if ID in row.value else made.query.identity[0]],
    )
    last.visible_ns = START_NS
    case = judge_shaped.recorded(made, recording)
    assert (case.outcome, case.kinds["premature"]) == ("fail", 1)
    assert case.kinds.keys() <= {"premature", "out of order"}


def test_a_window_by_count_that_counts_an_event_twice_is_full_early_and_not_premature(judge_shaped):
    made = shaped("count")
    recording = made.recording()
    recording.plan = recording.plan.model_copy(
        update={"processing_claimed": "at-least-once", "delivery_claimed": "at-least-once"}
    )
    rows = [row for row in recording.rows if isinstance(row.value, dict)]
    row = rows[0]
    firsts = row.value["first"]
    row.value = row.value | {"ids": row.value["ids"] - 1}
    row.visible_ns = START_NS + int(firsts / RATE * SECOND)
    case = judge_shaped.recorded(made, recording)
    assert "premature" not in case.kinds


def test_a_mode_that_updates_its_rows_waits_for_no_closing(recording, judged):
    recording.plan = recording.plan.model_copy(update={"emits": "updates"})
    for row in rows_of(recording, "paced"):
        row.visible_ns -= 700 * MS
    case = judged(recording)["paced"]
    assert case.outcome == "pass"
    assert PACED.measured_s > 0


def test_a_history_whose_marks_were_stamped_after_the_act_is_not_judged_by_it(recording, judged):
    recording.plan = recording.plan.model_copy(update={"method_version": 7})
    rows_of(recording, "paced")[200].visible_ns -= LATENCY_NS + MS
    assert judged(recording)["paced"].outcome == "pass"
