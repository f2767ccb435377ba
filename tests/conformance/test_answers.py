"""Every engine answers every workload as the plain Python reference does, in every one of its modes that differ."""

from __future__ import annotations

import pytest

from engines.protocol import Engine, Guarantee
from tests.conformance.comparison import (
    assert_nothing_but_due_rows,
    assert_rows_but_for_late,
    assert_same_rows,
)
from tests.conformance.driver import Stage
from tests.conformance.streams import LATE, WORKLOADS, stream_of
from workloads.query import Windowed

pytestmark = pytest.mark.timeout(700)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_row_of_every_workload_is_right(stage: Stage, engine: Engine, workload: str, limit):
    query, events = stream_of(workload)
    limit(engine, query)
    outcome = stage.run(engine, query, events)
    if workload == LATE:
        assert_rows_but_for_late(query, events, outcome)
    else:
        assert_same_rows(query, events, outcome)


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
@pytest.mark.parametrize("workload", ["sensors", "payments"])
def test_weaker_guarantees_are_right_too_while_nothing_fails(
    stage: Stage, engine: Engine, workload: str, guarantee: Guarantee, limit
):
    query, events = stream_of(workload)
    limit(engine, query, guarantee=guarantee)
    assert_same_rows(query, events, stage.run(engine, query, events, guarantee=guarantee))


def test_other_modes_give_the_same_rows(stage: Stage, mode: tuple[Engine, str], in_mode: str, limit):
    engine, name = mode
    query, events = stream_of(in_mode)
    limit(engine, query, mode=name)
    # What is lost are windows: of a query without any, every row is due in a lossy mode as well.
    lossy = engine.claim("exactly-once", name).lossy and isinstance(query.shape, Windowed)
    if lossy and in_mode == LATE:
        pytest.skip("of a row that is not there nothing tells whether it was late or lost")
    outcome = stage.run(engine, query, events, mode=name)
    if lossy:
        assert_nothing_but_due_rows(query, events, outcome)
    elif in_mode == LATE:
        assert_rows_but_for_late(query, events, outcome)
    else:
        assert_same_rows(query, events, outcome)


def test_recommended_settings_in_one_process_give_the_same_rows(stage: Stage, settable: Engine, in_set_up: str, limit):
    query, events = stream_of(in_set_up)
    limit(settable, query)
    outcome = stage.run(settable, query, events, settings="recommended", layout="one-process")
    if in_set_up == LATE:
        assert_rows_but_for_late(query, events, outcome)
    elif settable.claim("exactly-once", next(iter(settable.modes))).lossy:
        assert_nothing_but_due_rows(query, events, outcome)
    else:
        assert_same_rows(query, events, outcome)
