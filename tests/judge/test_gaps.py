"""A collector that stalls is not the engine's latency: what it was given late is shown with both ends."""

from __future__ import annotations

from results.history import TableWriter
from results.judge import judge
from results.plan import ForeignBroker
from tests.judge.recording import LATENCY_NS, SECOND, seal

MS = 1_000_000


def stalled(recording, folder, from_ns, until_ns):
    """The history of a collector that did not look between two times, and was given all of it at the end."""
    for row in recording.rows:
        if from_ns < row.visible_ns < until_ns:
            row.appended_ms = row.visible_ns // MS
            row.visible_ns = until_ns
    recording.write(folder)
    TableWriter(folder, "gaps").write({"from_ns": [from_ns], "until_ns": [until_ns]})
    seal(folder)
    return {case.phase: case for case in judge(folder)}


def test_latency_is_stated_with_both_ends_where_the_collector_stalled(recording, tmp_path):
    begin_ns = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "paced").start_ns
    cases = stalled(recording, tmp_path / "history", begin_ns + 10 * SECOND, begin_ns + 15 * SECOND)
    case = cases["paced"]
    assert case.outcome == "pass", "no row is left out or accused"
    largest = case.metrics["latency_max"]
    assert largest.value > 4000, "what the collector saw"
    assert largest.low is not None
    assert abs(largest.low - LATENCY_NS / MS) <= 1, "what the engine did"
    assert largest.high == largest.value
    assert case.metrics["latency_p50"].low is None, "half of the rows came outside of the gap"
    assert any("the collector stalled for up to 5.0 s" in note for note in case.notes)
    assert case.metrics["latency_max"].n == case.metrics["latency_p50"].n
    assert cases["drain"].metrics["drain_rate"].low is None


def test_a_drain_that_ended_while_the_collector_stalled_has_both_ends(recording, tmp_path):
    released = [mark for mark in recording.marks if mark.mark == "committed"][-1]
    # The last row came after four seconds, and half a second later for a collector that stood still.
    gap = released.at_ns + 7 * SECOND // 2, released.at_ns + 9 * SECOND // 2
    case = stalled(recording, tmp_path / "history", *gap)["drain"]
    assert case.outcome == "pass"
    rate = case.metrics["drain_rate"]
    assert (rate.low, rate.high) == (rate.value, 2000 / 4)
    seconds = case.metrics["drain_seconds"]
    assert (seconds.low, seconds.high) == (4, 4.5)
    assert any("stalled for 0.50 s at the end of the drain" in note for note in case.notes)


def test_where_the_wall_clock_was_set_a_row_may_have_been_visible_since_the_gap_began(recording, tmp_path):
    released = [mark for mark in recording.marks if mark.mark == "committed"][-1]
    for row in recording.machine[len(recording.machine) // 2 :]:
        row["wall_ahead_ns"] += 5 * SECOND
    gap = released.at_ns + 7 * SECOND // 2, released.at_ns + 9 * SECOND // 2
    seconds = stalled(recording, tmp_path / "history", *gap)["drain"].metrics["drain_seconds"]
    assert (seconds.low, seconds.high) == (3.5, 4.5)


def test_on_a_kafka_that_is_not_ours_a_row_may_have_been_visible_since_the_gap_began(recording, tmp_path):
    released = [mark for mark in recording.marks if mark.mark == "committed"][-1]
    broker = ForeignBroker(brokers=1, replication=1, settings={}, cluster={})
    recording.plan = recording.plan.model_copy(update={"log": "kafka", "broker": broker})
    gap = released.at_ns + 7 * SECOND // 2, released.at_ns + 9 * SECOND // 2
    seconds = stalled(recording, tmp_path / "history", *gap)["drain"].metrics["drain_seconds"]
    assert (seconds.low, seconds.high) == (3.5, 4.5)


def test_a_gap_in_which_nothing_came_marks_nothing(recording, tmp_path):
    folder = recording.write(tmp_path / "history")
    TableWriter(folder, "gaps").write({"from_ns": [1], "until_ns": [900 * SECOND]})
    seal(folder)
    for case in judge(folder):
        assert case.outcome == "pass"
        assert all(metric.low is None for metric in case.metrics.values())
        assert not any("stalled" in note for note in case.notes)
