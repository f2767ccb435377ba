"""Latency and send lag on made-up histories with known answers."""

from __future__ import annotations

import pytest

from results.plan import Paced
from tests.judge.recording import LATENCY_NS, PACED, SECOND, Row
from tests.judge.shapes import PACED as SHAPED
from tests.judge.shapes import RATE as SHAPED_RATE
from tests.judge.shapes import START_NS, shaped

MS = 1_000_000


def value(case, name):
    return case.metrics[name].value


def of_phase(recording, name="paced"):
    """Rows of the paced phase's measured part, in order of visibility."""
    first = recording.marks[1].start_ns + int(PACED.warmup_s * SECOND) + LATENCY_NS
    last = first + int(PACED.measured_s * SECOND)
    rows = [row for row in recording.rows if isinstance(row.value, dict) and not row.value["key"].startswith("~")]
    return sorted((row for row in rows if first <= row.visible_ns < last), key=lambda row: row.visible_ns)


def test_latency_counts_from_the_planned_time_of_the_closing_event(recording, judged):
    case = judged(recording)["paced"]
    for suffix in ("p50", "p90", "p95", "p99", "max"):
        assert value(case, f"latency_{suffix}") == LATENCY_NS / 1e6
    assert value(case, "latency_closings") == PACED.measured_s
    assert case.metrics["latency_p50"].n == len(of_phase(recording))


def test_event_time_latency_counts_from_the_last_contributing_event(recording, judged):
    rows = of_phase(recording)
    start_ns = recording.marks[1].start_ns
    lasts = [max(recording.members[row.window]) for row in rows]
    expected = [row.visible_ns - start_ns - int(last * 1e9 / PACED.rate) for row, last in zip(rows, lasts, strict=True)]
    case = judged(recording)["paced"]
    assert value(case, "event_latency_max") == pytest.approx(max(expected) / 1e6)
    assert value(case, "event_latency_p50") == pytest.approx(sorted(expected)[-(-len(expected) // 2) - 1] / 1e6)


def test_percentiles_are_exact_ranks_of_the_rows(recording, judged):
    rows = of_phase(recording)
    for number, row in enumerate(rows):
        row.visible_ns += number * MS
    case, count = judged(recording)["paced"], len(rows)
    for suffix, percent in (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("max", 100)):
        assert value(case, f"latency_{suffix}") == 250 + -(-count * percent // 100) - 1


def test_only_windows_that_close_in_the_measured_part_count(recording, judged):
    measured = of_phase(recording)
    for row in recording.rows:
        if isinstance(row.value, dict) and row.value["key"].startswith("s") and row not in measured:
            row.visible_ns += SECOND // 2
    assert value(judged(recording)["paced"], "latency_max") == 250


@pytest.mark.parametrize(
    "changes", [{"method_version": 7}, {"emits": "updates"}], ids=["stamped-after-the-act", "updates"]
)
def test_an_early_row_that_is_not_premature_is_counted_and_kept(recording, judged, changes):
    recording.plan = recording.plan.model_copy(update=changes)
    row = of_phase(recording)[10]
    row.visible_ns -= 400 * MS
    case = judged(recording)["paced"]
    assert case.outcome == "pass"
    assert value(case, "early_rows") == 1
    assert "1 of" in case.reason
    assert "visible before their window could be known to be complete" in case.reason
    shown = next(series for series in case.series if series.name == "latency percentiles")
    assert shown.y[0] == -150, "negative latency is shown, not dropped"


def test_the_first_copy_of_a_row_counts(recording, judged):
    rows = of_phase(recording)
    for row in rows[:30]:
        recording.rows.append(Row(row.partition, row.visible_ns + 3 * SECOND, row.value))
    assert value(judged(recording)["paced"], "latency_max") == 250


def test_a_missing_row_makes_latency_void(recording, judged):
    recording.rows.remove(of_phase(recording)[7])
    case = judged(recording)["paced"]
    assert "latency_p50" not in case.metrics
    assert case.absent["latency_p50"].startswith("void: 1 of the")
    assert value(case, "rate") == PACED.rate, "the rest is there"


def test_a_missing_row_outside_the_measured_part_does_not(recording, judged):
    first = min(row.visible_ns for row in recording.rows)
    recording.rows.remove(next(row for row in recording.rows if row.visible_ns == first))
    case = judged(recording)["paced"]
    assert case.verdict.missing == 1
    assert value(case, "latency_p50") == 250


def test_few_closings_make_no_percentile(recording, judged):
    recording.plan = recording.plan.model_copy(update={"paced": Paced(rate=200, warmup_s=3, measured_s=19)})
    case = judged(recording)["paced"]
    assert case.absent["latency_p99"] == "only 19 distinct windows closed in the measured part, 20 are needed"
    assert case.outcome == "pass"


def test_a_percentile_that_would_be_the_maximum_is_absent(recording, judged):
    assert "needs 1000 rows" in judged(recording)["paced"].absent["latency_p999"]


def test_latency_by_second_has_a_point_a_closing_second(recording, judged):
    case = judged(recording)["paced"]
    shown = next(series for series in case.series if series.name == "latency p99 by second")
    assert len(shown.x) == PACED.measured_s
    assert set(shown.y) == {250}


def test_send_lag_is_measured_against_the_plan(recording, judged):
    case = judged(recording)["paced"]
    assert [value(case, f"send_lag_{suffix}") for suffix in ("p50", "p99", "max")] == [1, 6, 6]
    assert case.metrics["send_lag_p99"].n == PACED.rate * PACED.measured_s


def late(recording, from_id, by_ns):
    recording.sends = [
        (phase, first, count, sent + (by_ns if first >= from_id else 0))
        for phase, first, count, sent in recording.sends
    ]


def test_a_generator_that_fell_behind_is_marked(recording, judged):
    late(recording, 3000, 60 * MS)
    case = judged(recording)["paced"]
    assert case.outcome == "pass"
    assert "the load generator fell behind: send lag p99 66 ms" in case.reason


def test_a_generator_that_falls_behind_at_the_end_is_marked(recording, judged):
    late(recording, 5360, 80 * MS)
    case = judged(recording)["paced"]
    assert value(case, "send_lag_p99") == 6
    assert value(case, "send_lag_max") == 86
    assert "fell behind" not in case.reason, "forty events are not the last second's median"
    late(recording, 5280, 80 * MS)
    assert "fell behind" in judged(recording)["paced"].reason


def test_events_sent_before_their_time_are_marked(recording, judged):
    late(recording, 0, -20 * MS)
    assert "sent 4800 events more than 1 ms before their time" in judged(recording)["paced"].reason


def test_sends_that_are_not_there_are_marked(recording, judged):
    recording.sends = []
    case = judged(recording)["paced"]
    assert "send_lag_p99" in case.absent
    assert "not known" in case.reason


def test_sends_beyond_the_phase_are_refused(recording, judged):
    recording.sends.append(("paced", 0, 1 << 40, 0))
    case = judged(recording)["paced"]
    assert case.outcome == "unknown"
    assert "the judge crashed in send lag: ValueError: sends of phase paced cover" in case.reason


def at_latency(made, latency_ns):
    """The history in which each row is visible so long after the last event that its identity names is planned."""
    recording = made.recording()
    for row in recording.rows:
        last = max(row.value[name] for name in made.query.identity)
        row.visible_ns = START_NS + int(last * 1e9 / SHAPED_RATE) + latency_ns
    return recording


@pytest.mark.parametrize("name", ["project", "running", "join", "machine"])
def test_without_a_time_window_latency_counts_from_the_last_events_planned_time(name, judge_shaped):
    made = shaped(name)
    case = judge_shaped.recorded(made, at_latency(made, 70 * MS))
    assert case.outcome == "pass"
    assert value(case, "latency_p50") == value(case, "latency_max") == 70
    assert value(case, "early_rows") == 0
    first = SHAPED.warmup_s * SHAPED_RATE
    counted = [row for row in made.rows if max(row[part] for part in made.query.identity) >= first]
    assert case.metrics["latency_p50"].n == len(counted)
    assert not [metric for metric in case.metrics if metric.startswith(("event_latency", "latency_closings"))]


@pytest.mark.parametrize("name", ["count", "until"])
def test_a_window_of_records_is_final_with_its_last_record(name, judge_shaped):
    made = shaped(name)
    recording = made.recording()
    for row in recording.rows:
        mine = [event["id"] for event in made.events if event["name"] == row.value["key"]]
        last = mine[mine.index(row.value["first"]) + row.value["count"] - 1]
        row.visible_ns = START_NS + int(last * 1e9 / SHAPED_RATE) + 30 * MS
    case = judge_shaped.recorded(made, recording)
    assert value(case, "latency_p50") == value(case, "latency_max") == 30


def test_few_rows_make_no_percentile(judge_shaped):
    made = shaped("machine")
    recording = made.recording()
    recording.plan = recording.plan.model_copy(update={"paced": Paced(rate=SHAPED_RATE, warmup_s=1, measured_s=0.5)})
    case = judge_shaped.recorded(made, recording)
    assert "rows became final in the measured part, 20 are needed" in case.absent["latency_p50"]
    assert case.outcome == "pass"
