"""Causes that could be named are: an event that was sent again, joined sessions, a window under a shifted name."""

from __future__ import annotations

from dataclasses import replace

from tests.conformance.reference import rows as reference
from tests.judge.shapes import BASE_MS, shaped

WEAK = {"processing_claimed": "at-least-once", "delivery_claimed": "at-least-once"}


def forgetful(name, forgets):
    """The answer of an engine that forgets, for some keys, what it was sent before."""
    made = shaped(name)
    recording = made.recording()
    plain = reference(replace(made.query, deduplicate=None), made.events)
    kept = [row for row in made.rows if not forgets(row["key"])]
    made.rows = [*kept, *(row for row in plain if forgets(row["key"]))]
    recording = made.recording()
    return made, recording


def test_an_event_that_was_sent_again_and_counts_again_is_a_double_count(judge_shaped):
    key = shaped("deduplicate-running").rows[0]["key"]
    made, recording = forgetful("deduplicate-running", lambda each: each == key)
    case = judge_shaped.recorded(made, recording)
    assert case.outcome == "fail"
    assert "broken audit" not in case.kinds
    assert case.kinds["double count"] > 0
    assert "was sent before" in case.reason


def test_an_engine_that_may_count_twice_may_forget_what_it_was_sent(judge_shaped):
    key = shaped("deduplicate-running").rows[0]["key"]
    made, recording = forgetful("deduplicate-running", lambda each: each == key)
    recording.plan = recording.plan.model_copy(update=WEAK)
    case = judge_shaped.recorded(made, recording)
    assert (case.outcome, set(case.kinds) - {"out of order", "scattered"}) == ("pass", {"double count"}), case.reason


def test_a_window_under_the_name_of_one_before_is_named(recording, judged):
    window = recording.largest()
    row = recording.row(window)
    row.value = row.value | {"start": window[1] - 1000, "end": window[2] - 1000}
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    told = " ".join(offence.explanation for offence in case.offences)
    assert f"its values are those of window [{window[1]}, {window[2]}): it has the name of one 1000 ms earlier" in told


def test_sessions_that_are_exactly_the_gap_apart_and_are_joined_are_named(judge_shaped):
    made = shaped("session")
    gap_ms = made.query.time_window.gap_ms
    key = made.rows[0]["key"]
    mine = sorted((row for row in made.rows if row["key"] == key), key=lambda row: row["start"])
    first, second = mine[0], mine[1]
    # The second session begins just as the first one ends: all of its events are moved to there.
    apart_ms = second["start"] - first["end"]
    inside = range(second["start"], second["end"])
    events = [
        {**event, "time": event["time"] - apart_ms} if event["name"] == key and event["time"] in inside else event
        for event in made.events
    ]
    honest = replace(made, events=events, rows=[])
    two = [row for row in honest.rows if row["key"] == key and row["start"] in (first["start"], first["end"])]
    assert [row["end"] - row["start"] >= gap_ms for row in two] == [True, True]
    joined = two[0] | {"end": two[1]["end"]}
    for name in ("count", "ids", "checks", *(each.name for each in honest.query.shape.aggregates)):
        joined[name] = two[0][name] + two[1][name]
    honest.rows = [*(row for row in honest.rows if row not in two), joined]
    case = judge_shaped(honest)
    assert case.outcome == "fail"
    assert "it is 2 sessions in one: a pause of exactly the gap ends a session" in " ".join(
        offence.explanation for offence in case.offences
    )
    assert BASE_MS > 0
