"""Result latency in two parts, told apart by the log's own stamp of each row."""

from __future__ import annotations

import pytest

from reports import html
from results.history import TableWriter
from results.judge import judge
from results.plan import Clock, ForeignBroker
from results.result import CaseResult, RunResult
from tests.judge.recording import LATENCY_NS, SECOND, Row, seal
from tests.judge.test_latency import MS, of_phase
from tests.test_reports import printed

WALL_NS = 1_700_000_000 * SECOND
ENGINE_MS, COMMIT_MS = 90, 160
"""Of every row; together the latency of the recording."""


@pytest.fixture
def stamped(recording):
    """A history on Kafka, with another wall clock than the monotonic one, each row appended before it was visible."""
    recording.plan = recording.plan.model_copy(
        update={"log": "kafka", "clock": Clock(wall_ns=WALL_NS, monotonic_ns=900 * SECOND)}
    )
    for row in recording.rows:
        row.appended_ms = stamp(row.visible_ns - COMMIT_MS * MS)
    return recording


def stamp(monotonic_ns: int) -> int:
    """As a log writes it: wall time, cut to the millisecond."""
    return (monotonic_ns - 900 * SECOND + WALL_NS) // MS


def figures(case: CaseResult, name: str) -> list[float]:
    return [case.metrics[f"{name}_{suffix}"].value for suffix in ("mean", "p50", "p99")]


def test_latency_is_told_apart_by_when_a_row_was_appended(stamped, judged):
    case = judged(stamped)["paced"]
    assert LATENCY_NS == (ENGINE_MS + COMMIT_MS) * MS
    assert figures(case, "engine_latency") == pytest.approx([ENGINE_MS] * 3, abs=1)
    assert figures(case, "commit_wait") == pytest.approx([COMMIT_MS] * 3, abs=1)
    assert case.metrics["latency_mean"].value == LATENCY_NS / MS
    assert case.metrics["engine_latency_mean"].n == case.metrics["latency_p50"].n == len(of_phase(stamped))


def test_the_means_add_up_where_the_parts_vary(stamped, judged):
    rows = of_phase(stamped)
    for number, row in enumerate(rows):
        row.appended_ms += number % 100
        row.visible_ns += number % 7 * MS
    count = len(rows)
    extra = sum(number % 100 for number in range(count)) / count
    later = sum(number % 7 for number in range(count)) / count
    case = judged(stamped)["paced"]
    parts = [case.metrics[name].value for name in ("engine_latency_mean", "commit_wait_mean", "latency_mean")]
    assert parts[0] == pytest.approx(ENGINE_MS + extra, abs=1)
    assert parts[1] == pytest.approx(COMMIT_MS + later - extra, abs=1)
    assert parts[0] + parts[1] == pytest.approx(parts[2])
    assert parts[2] == pytest.approx(LATENCY_NS / MS + later)


def test_the_first_copy_of_a_row_counts(stamped, judged):
    for row in of_phase(stamped)[:50]:
        later = row.visible_ns + 3 * SECOND
        stamped.rows.append(Row(row.partition, later, row.value, stamp(later - 2 * SECOND)))
    assert figures(judged(stamped)["paced"], "commit_wait") == pytest.approx([COMMIT_MS] * 3, abs=1)


def test_rows_outside_of_the_measured_part_do_not_count(stamped, judged):
    mine = {id(row) for row in of_phase(stamped)}
    for row in stamped.rows:
        if id(row) not in mine:
            row.appended_ms -= 50
    assert figures(judged(stamped)["paced"], "commit_wait")[2] == pytest.approx(COMMIT_MS, abs=1)


def test_the_embedded_log_tells_no_parts_and_says_why(recording, judged):
    case = judged(recording)["paced"]
    assert "appended by the transaction that commits it" in case.absent["engine_latency_mean"]
    assert "appended by the transaction that commits it" in case.absent["commit_wait_p50"]
    assert case.metrics["latency_p50"].value == LATENCY_NS / MS, "the whole is known all the same"
    page = html.render(RunResult(run="r", suite="s", machine=None, cases=[case]), "run")
    assert "Not told: on the embedded log a row is appended" in page


def test_a_kafka_that_is_not_ours_stamps_by_a_clock_that_need_not_be_ours(stamped, judged):
    broker = ForeignBroker(brokers=3, replication=3, settings={}, cluster={})
    stamped.plan = stamped.plan.model_copy(update={"broker": broker})
    for row in stamped.rows:
        row.appended_ms -= 40  # Its clock is slow: no row seems to be appended after it was visible.
    case = judged(stamped)["paced"]
    assert "stamped by its clock" in case.absent["engine_latency_p50"]
    assert "stamped by its clock" in case.absent["commit_wait_p99"]
    assert case.metrics["latency_p99"].value == LATENCY_NS / MS


def test_rows_that_seem_to_be_appended_after_they_were_visible_void_the_parts(stamped, judged):
    rows = of_phase(stamped)
    for row in rows:
        row.appended_ms = stamp(row.visible_ns) + 1
    assert "commit_wait_mean" in judged(stamped)["paced"].metrics, "a millisecond is what stamps are cut to"
    # The wall clock was set forward by ten seconds in the middle of the trial.
    for row in rows[len(rows) // 2 :]:
        row.appended_ms += 10_000
    case = judged(stamped)["paced"]
    assert case.outcome == "pass", "no row is wrong for that"
    why = case.absent["engine_latency_p50"]
    assert why.startswith(f"void: by their stamps {len(rows) - len(rows) // 2:,} rows were appended after")
    assert "commit_wait_p99" not in case.metrics
    assert "latency_mean" not in case.metrics
    assert case.metrics["latency_p99"].value == LATENCY_NS / MS


def test_a_wall_clock_that_was_set_voids_the_parts(stamped, judged):
    for row in stamped.machine[len(stamped.machine) // 2 :]:
        # Set back: no row seems to be appended after it was visible.
        row["wall_ahead_ns"] -= 10 * SECOND
    case = judged(stamped)["paced"]
    assert case.absent["commit_wait_p50"] == "void: the wall clock was set by -10.000 s while the trial ran"
    assert case.metrics["latency_p99"].value == LATENCY_NS / MS


def test_a_missing_row_voids_the_parts_as_it_does_the_whole(stamped, judged):
    stamped.rows.remove(of_phase(stamped)[7])
    case = judged(stamped)["paced"]
    assert case.absent["commit_wait_mean"] == case.absent["latency_p50"]
    assert case.absent["commit_wait_mean"].startswith("void: 1 of the")


def test_what_a_stalled_collector_was_given_late_is_no_commit_wait_of_the_engine(stamped, tmp_path):
    begin_ns = next(mark for mark in stamped.marks if mark.mark == "phase-begin" and mark.phase == "paced").start_ns
    from_ns, until_ns = begin_ns + 10 * SECOND, begin_ns + 15 * SECOND
    for row in stamped.rows:
        if from_ns < row.visible_ns < until_ns:
            row.visible_ns = until_ns
    folder = stamped.write(tmp_path / "history")
    TableWriter(folder, "gaps").write({"from_ns": [from_ns], "until_ns": [until_ns]})
    seal(folder)
    case = next(case for case in judge(folder) if case.phase == "paced")
    found = case.metrics["commit_wait_p99"]
    assert found.value > 4000, "what the collector saw"
    assert found.low is not None
    assert found.low <= COMMIT_MS + 1, "what the engine may have done"
    assert found.high == found.value
    assert case.metrics["engine_latency_p99"].value == pytest.approx(ENGINE_MS, abs=1), "the stall changes no append"


def test_both_parts_stand_in_the_terminal_and_on_the_page(stamped, judged):
    case = judged(stamped)["paced"]
    run = RunResult(run="r", suite="s", machine=None, cases=[case])
    text, page = printed(run, 120), html.render(run, "run")
    (line,) = [
        line for line in text.splitlines() if line.startswith("made") and "250 ms" in line and "pass" not in line
    ]
    assert line.split()[1:3] == ["250", "ms"]
    assert "commit wait" in text
    assert "Where latency goes" in page
    wrong = case.model_copy(update={"outcome": "fail"})
    assert "(250 ms)" in printed(run.model_copy(update={"cases": [wrong]}), 120)
