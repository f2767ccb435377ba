"""Odd streams: nothing, next to nothing, odd keys, odd times, and records that are no events."""

from __future__ import annotations

import pytest

from engines.protocol import Engine, EngineFailure
from tests.conformance.comparison import assert_nothing_but_due_rows, assert_same_rows
from tests.conformance.driver import Outcome, Stage
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.streams import broken, far, odd

pytestmark = pytest.mark.timeout(700)


@pytest.mark.parametrize(("example", "count"), [("tumbling", 0), ("running", 1)])
def test_an_empty_stream_and_a_single_event_are_answered(stage: Stage, engine: Engine, example: str, count: int, limit):
    query, events = EXAMPLES[example], stream(example, count)
    limit(engine, query)
    outcome = stage.run(engine, query, events)
    assert_same_rows(query, events, outcome)
    if not count:
        assert outcome == Outcome([], [])


def test_a_single_key_is_answered(stage: Stage, engine: Engine, limit):
    query, events = EXAMPLES["session"], stream("session", 1_000, keys=1)
    limit(engine, query)
    assert len({event[query.key] for event in events}) == 1
    assert_same_rows(query, events, stage.run(engine, query, events))


@pytest.mark.parametrize("example", ["tumbling", "session", "running"])
def test_odd_keys_and_times_are_taken_as_they_are(stage: Stage, engine: Engine, example: str, limit):
    """Unicode and empty keys, equal times, a window's very edges, a long session."""
    query, events = EXAMPLES[example], odd(example)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events))


@pytest.mark.parametrize("example", ["tumbling", "session"])
def test_far_future_times_close_what_is_open_and_lose_nothing(stage: Stage, engine: Engine, example: str, limit):
    query, events = EXAMPLES[example], far(example)
    limit(engine, query)
    outcome = stage.run(engine, query, events)
    if f"event-time-jump-{example}" in engine.limits:
        # Whether it happens depends on the moment, so no strict failure can be expected; nothing may be wrong though.
        assert_nothing_but_due_rows(query, events, outcome)
    else:
        assert_same_rows(query, events, outcome)


@pytest.mark.parametrize("example", ["running"])
def test_a_record_that_is_no_event_is_skipped_or_fatal_as_declared_and_never_silent(
    stage: Stage, engine: Engine, example: str, limit
):
    query, events = EXAMPLES[example], stream(example, 1_000)
    limit(engine, query)
    raw = broken(query, "k1", events[0][query.time])
    if engine.poison == "skipped":
        assert_same_rows(query, events, stage.run(engine, query, events, raw=raw))
    else:
        with pytest.raises(EngineFailure):
            stage.run(engine, query, events, raw=raw)
