"""Each event once: what is lost, repeated, made up or out of order is found, and order only where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.examples import EXAMPLES
from tests.judge.shapes import Shaped, streamed
from tests.judge.test_forbidden import swapped
from workloads.query import Project, Query
from workloads.sensors import workload as sensors

Judge = Any


def made(in_order: bool) -> Shaped:
    plain = EXAMPLES["running"]
    return streamed(Query(plain.columns, plain.time, plain.key, Project((), in_order), plain.watermark_delay_ms))


def test_a_row_is_the_id_and_what_follows_from_it() -> None:
    row = made(True).rows[0]
    assert row.keys() == {"key", "id", "check"}


@pytest.mark.parametrize("in_order", [False, True])
def test_each_event_once_is_right(judge_shaped: Judge, in_order: bool) -> None:
    found = made(in_order)
    case = judge_shaped(found)
    assert (case.outcome, case.verdict.match) == ("pass", len(found.events))


def test_the_order_of_a_key_counts_only_where_it_is_asked_for(judge_shaped: Judge) -> None:
    assert judge_shaped(swapped(made(False))).outcome == "pass"
    case = judge_shaped(swapped(made(True)))
    assert (case.outcome, case.kinds) == ("fail", {"out of order": 1})


def test_what_comes_again_is_a_duplicate_and_no_disorder(judge_shaped: Judge) -> None:
    found = made(True)
    found.rows = [*found.rows[:300], *found.rows[200:]]
    case = judge_shaped(found)
    assert (case.outcome, case.kinds) == ("fail", {"duplicate": 100})


def test_what_does_not_come_is_lost(judge_shaped: Judge) -> None:
    found = made(True)
    del found.rows[40:43]
    case = judge_shaped(found)
    assert (case.outcome, case.kinds, case.verdict.missing) == ("fail", {"loss": 3}, 3)


def test_an_id_that_no_event_has_is_found(judge_shaped: Judge) -> None:
    found = made(False)
    found.rows[7] = {**found.rows[7], "id": 10**15}
    case = judge_shaped(found)
    assert (case.outcome, case.verdict.unexpected, case.verdict.missing) == ("fail", 1, 1)


def test_order_is_part_of_a_query_that_is_stored() -> None:
    query = sensors.query(sensors.defaults)
    ordered = replace(query, shape=Project((), in_order=True))
    assert Query.from_json(ordered.to_json()) == ordered
    assert (ordered.ordered, replace(ordered, shape=Project(())).ordered) == (True, False)
