"""Late events: any of them may be counted or dropped, and nothing else may."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from results.history import Counters
from tests.conformance.examples import EXAMPLES
from tests.conformance.reference import Event
from tests.conformance.reference import rows as reference
from tests.judge.conftest import JudgeShaped
from tests.judge.shapes import BASE_MS, COUNT, Shaped, streamed

LATE_MS = 2500
WINDOWS = ["tumbling", "tumbling-distinct", "sliding", "session", "score-window"]


@cache
def _streamed(name: str) -> Shaped:
    return streamed(EXAMPLES[name], lambda number: LATE_MS if number > 300 and number % 9 == 0 else 0)


def stream(name: str) -> tuple[Shaped, list[Event]]:
    """A stream of which some events are late, and those."""
    made = _streamed(name)
    late, latest = [], 0
    for event in made.events:
        if latest - event["time"] > made.query.watermark_delay_ms:
            late.append(event)
        latest = max(latest, event["time"])
    assert 40 < len(late) < COUNT / 8
    return replace(made, rows=list(made.rows)), late


def kept(made: Shaped, dropped: list[Event]) -> None:
    made.rows = made.answer([event for event in made.events if event not in dropped])


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_any_of_the_late_events_may_be_dropped(name: str, share: float, judge_shaped: JudgeShaped):
    made, late = stream(name)
    chosen = np.random.default_rng(3).random(len(late)) < share
    dropped = [event for event, drop in zip(late, chosen.tolist(), strict=True) if drop]
    kept(made, dropped)
    case = judge_shaped(made)
    assert case.outcome == "pass", case.reason
    assert (case.kinds, case.verdict.match) == ({}, len(made.rows))
    overlap = 4 if name == "sliding" else 1
    assert case.metrics["late_events"].value == len(late)
    assert case.metrics["late_dropped"].value == case.verdict.late_dropped == len(dropped) * overlap
    assert case.metrics["late_kept"].value == (len(late) - len(dropped)) * overlap


def test_an_event_may_be_dropped_from_one_sliding_window_and_kept_in_another(judge_shaped: JudgeShaped):
    made, late = stream("sliding")
    without = reference(made.query, [event for event in made.events if event is not late[5]])
    others = {made.identity(row): row for row in without}
    place = next(n for n, row in enumerate(made.rows) if others.get(made.identity(row), row) != row)
    made.rows[place] = others[made.identity(made.rows[place])]
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.late_dropped) == ("pass", 1)


@pytest.mark.parametrize("name", WINDOWS)
def test_an_event_in_time_may_not_be_dropped(name: str, judge_shaped: JudgeShaped):
    made, late = stream(name)
    gone = next(
        event
        for event in made.events[350:]
        if event not in late
        and any(other["name"] == event["name"] and other["time"] // 1000 == event["time"] // 1000 for other in late)
    )
    kept(made, [*late, gone])
    case = judge_shaped(made)
    assert case.outcome == "fail"
    assert set(case.kinds) == {"loss"}
    assert all(gone["id"] in offence.ids for offence in case.offences)


@pytest.mark.parametrize("name", ["tumbling", "sliding"])
def test_a_late_event_may_not_count_twice_and_its_values_must_fit(name: str, judge_shaped: JudgeShaped):
    made, late = stream(name)
    right = list(made.rows)
    made.rows = made.answer([*made.events, late[3]])
    assert set(judge_shaped(made).kinds) <= {"double count", "broken audit"}
    made.rows = right
    place = next(n for n, row in enumerate(made.rows) if row["start"] <= late[3]["time"] < row["end"])
    made.rows[place] = made.rows[place] | {"most": made.rows[place]["most"] + 1}
    assert judge_shaped(made).kinds == {"wrong value": 1}


def test_a_window_of_late_events_only_may_be_there_or_not_and_has_no_latency(judge_shaped: JudgeShaped):
    made, late = stream("tumbling")
    alone = [
        event
        for event in late
        if not any(
            other["name"] == event["name"] and other["time"] // 1000 == event["time"] // 1000
            for other in made.events
            if other not in late
        )
    ]
    if not alone:
        # Move one event of a key to where the key has no other.
        event = late[0] | {"time": BASE_MS - 5000}
        made = Shaped(made.query, [event if other is late[0] else other for other in made.events])
        alone = [event]
    with_it = judge_shaped(made)
    rows = len(made.rows)
    kept(made, alone)
    without = judge_shaped(made)
    assert len(made.rows) < rows
    assert (with_it.outcome, without.outcome) == ("pass", "pass")
    assert without.verdict.late_dropped == with_it.verdict.late_dropped + len(alone)


def test_more_late_events_than_can_be_tried_are_unknown(judge_shaped: JudgeShaped):
    made = streamed(EXAMPLES["tumbling"], lambda number: (number - 300) * 10 + 600 if number > 450 else 0)
    case = judge_shaped(made)
    assert case.outcome == "unknown"
    assert "late events; of more than 16 it cannot be decided which were counted" in case.reason


@pytest.mark.parametrize("name", ["top", "project", "join", "count"])
def test_late_events_of_other_shapes_are_refused(name: str, judge_shaped: JudgeShaped):
    made = streamed(EXAMPLES[name], lambda number: LATE_MS if number == 500 else 0)
    case = judge_shaped(made)
    assert case.outcome == "unknown"
    assert "1 events of the stream come later than the watermark delay allows, which is judged for time" in case.reason


def test_what_the_engine_counts_itself_stands_beside(judge_shaped: JudgeShaped):
    made, late = stream("tumbling")
    made.marks = [Counters(at_ns=1, late=16, broken=None)]
    kept(made, late)
    case = judge_shaped(made)
    assert case.outcome == "pass"
    assert case.metrics["engine_late"].value == 16
    assert case.absent["engine_broken"] == "the engine does not count that, or its counts did not come to rest"
