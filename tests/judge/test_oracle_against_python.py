"""The oracle against a second, independent evaluation in plain Python: tests/conformance/reference.py."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.examples import EXAMPLES
from tests.conformance.reference import Event, rows
from workloads.oracle import LAST_ID, expected, members
from workloads.query import (
    Aggregate,
    Column,
    Condition,
    Count,
    Deduplicate,
    Join,
    Joined,
    Linear,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    StateMachine,
    Top,
    Transition,
    Tumbling,
    Until,
    Windowed,
)
from workloads.sensors import workload
from workloads.stream import Events, Segment, checks

pytestmark = pytest.mark.slow

ODD = "odd \"name'"
COLUMNS = (
    *(Column(name, "integer") for name in ("id", "check", "at", "kind", ODD)),
    Column("group", "text"),
    Column("note", "text"),
)
LABELS = ("a", "b", "", "ü")
AGGREGATES = (
    Aggregate("select", "sum", ODD),
    Aggregate("low", "min", ODD),
    Aggregate("high", "max", "at"),
    Aggregate("several", "distinct", ODD),
)
SHAPES = {
    "tumbling": Windowed(Tumbling(7), AGGREGATES),
    "sliding": Windowed(Sliding(9, 3), AGGREGATES),
    "session": Windowed(Session(4), AGGREGATES),
    "top": Windowed(Tumbling(9), AGGREGATES[:1], Top(2, ODD, "count")),
    "sliding-top": Windowed(Sliding(8, 4), AGGREGATES[:1], Top(1, "kind", "select")),
    "count": Windowed(Count(3, 3), AGGREGATES),
    "sliding-count": Windowed(Count(4, 2), AGGREGATES),
    "sliding-count-by-one": Windowed(Count(3, 1), AGGREGATES),
    "until": Windowed(Until(Condition("kind", "=", 1)), AGGREGATES),
    "running": Running(AGGREGATES),
    "project": Project(("at", ODD)),
    "join": Join(
        (Condition("kind", "=", 0),),
        (Condition("kind", ">", 0), Condition(ODD, "!=", 1, modulo=3)),
        -3,
        5,
        (Joined("one", "left", ODD), Joined("other", "right", "at")),
    ),
    "join-at-once": Join((Condition("kind", "=", 0),), (Condition("kind", "=", 1),), 0, 0, ()),
    "join-afterwards": Join((Condition("kind", "=", 0),), (Condition("kind", "=", 1),), 2, 6, ()),
    "join-before": Join((Condition("kind", "=", 0),), (Condition("kind", "=", 1),), -9, -2, ()),
    "machine": StateMachine(
        "kind",
        (
            Transition(0, 0, 7),
            Transition(7, 1, 3),
            Transition(7, 2, 0),
            Transition(3, 2, 0, 70),
            Transition(3, 0, 7, 80),
        ),
        6,
    ),
    "machine-at-once": StateMachine(
        "kind", (Transition(0, 1, 0, 5), Transition(0, 2, 1, 6), Transition(1, 2, 1, 7)), 4
    ),
}
BEFORE: dict[str, dict[str, Any]] = {
    "plain": {},
    "filtered": {"where": (Condition(ODD, "<=", 6), Condition("kind", "!=", 5, modulo=4))},
    "deduplicated": {"deduplicate": Deduplicate((ODD,), 1000)},
}


def query_of(shape: Any, **more: Any) -> Query:
    return Query(columns=COLUMNS, time="at", key="group", shape=shape, watermark_delay_ms=0, **more)


EVENT = st.tuples(st.integers(0, 30), st.integers(0, 3), st.integers(0, 2), st.integers(0, 8))


def stream(drawn: list[tuple[int, int, int, int]], ordered: bool) -> list[Event]:
    """Events numbered in the log's order; in order of event time where that matters."""
    times = sorted(at for at, *_ in drawn) if ordered else [at for at, *_ in drawn]
    marks = checks(np.arange(len(drawn))).tolist()
    return [
        {"id": number, "check": marks[number], "at": at, "group": LABELS[key], "kind": kind, ODD: value, "note": "x"}
        for number, (at, (_, key, kind, value)) in enumerate(zip(times, drawn, strict=True))
    ]


def pieces(query: Query, events: list[Event], size: int, labels: tuple[str, ...] = LABELS) -> list[Events]:
    integers = [column.name for column in query.columns if column.type == "integer"]
    found = []
    for start in range(0, len(events), size):
        part = events[start : start + size]
        columns = {name: np.array([event[name] for event in part], dtype=np.int64) for name in integers}
        keys = np.array([labels.index(event[query.key]) for event in part], dtype=np.int64)
        found.append(Events(columns["id"], columns[query.time], keys, columns, labels))
    return found


def answer(query: Query, events: list[Event], size: int = 7, labels: tuple[str, ...] = LABELS) -> list[dict[str, Any]]:
    """The oracle's rows as the reference gives them."""
    found = expected(query, pieces(query, events, size, labels)).to_pylist()
    plain = [
        {name: value for name, value in row.items() if name != LAST_ID} | {"key": labels[row["key"]]} for row in found
    ]
    return sorted(plain, key=lambda row: (row["key"], *(row[name] for name in query.identity)))


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("shape", SHAPES)
@given(drawn=st.lists(EVENT, max_size=40), size=st.integers(1, 20))
@settings(deadline=None, max_examples=5)
def test_the_oracle_agrees_with_plain_python(shape: str, before: str, drawn: list[Any], size: int) -> None:
    query = query_of(SHAPES[shape], **BEFORE[before])
    events = stream(drawn, query.ordered)
    assert answer(query, events, size) == rows(query, events)


@given(drawn=st.lists(EVENT, max_size=40))
@settings(deadline=None, max_examples=20)
def test_derived_columns_agree(drawn: list[Any]) -> None:
    score = Linear("score", ((ODD, 3), ("kind", -5)), constant=11, divisor=4)
    query = query_of(Windowed(Tumbling(7), (Aggregate("total", "sum", "score"),)), derived=(score,))
    events = stream(drawn, False)
    assert answer(query, events) == rows(query, events)


@pytest.mark.parametrize("count", [300, 1500])
def test_a_machine_agrees_over_many_events_of_one_key(count: int) -> None:
    random = np.random.default_rng(count)
    drawn = [(number // 3, 0, int(random.integers(0, 3)), 0) for number in range(count)]
    query = query_of(SHAPES["machine"])
    events = stream(drawn, True)
    found = answer(query, events)
    assert len(found) > count / 20
    assert found == rows(query, events)


def test_an_event_that_is_twice_in_the_log_counts_twice() -> None:
    for name in ("tumbling", "sliding", "session", "count", "running", "project"):
        query = query_of(SHAPES[name])
        events = stream([(3, 0, 0, 4), (4, 0, 1, 5), (5, 0, 2, 6)], True)
        events.insert(2, events[1])
        assert answer(query, events) == rows(query, events)


@pytest.mark.parametrize("window_ms", [100, 10_000])
def test_the_order_of_events_does_not_matter_to_a_time_window(window_ms: int) -> None:
    parameters = dict(workload.defaults) | {"window_ms": window_ms}
    query = workload.query(parameters)
    events = workload.events(parameters, 3, Segment(0, 3000, 1_795_500_000_000, 500.0), np.arange(3000))
    shuffled = events.take(np.random.default_rng(1).permutation(3000))
    cut = [shuffled.take(part) for part in np.array_split(np.arange(3000), 7)]
    assert expected(query, cut) == expected(query, [events])


def test_no_events_are_no_rows_and_the_columns_are_there() -> None:
    for name, query in EXAMPLES.items():
        found = expected(query, [])
        assert (found.num_rows, found.column_names) == (
            0,
            ["key", *query.identity, *query.fields, LAST_ID],
        ), name
        assert {str(kind) for kind in found.schema.types} == {"int64"}, name


def test_a_sum_that_leaves_64_bits_is_refused_not_wrapped() -> None:
    events = [event | {ODD: 2**62} for event in stream([(0, 0, 0, 0)] * 3, True)]
    for name in ("tumbling", "running", "count", "session"):
        with pytest.raises(duckdb.Error):
            expected(query_of(SHAPES[name]), pieces(query_of(SHAPES[name]), events, 2))


def test_a_negative_dividend_is_refused_not_rounded() -> None:
    query = query_of(Project(("score",)), derived=(Linear("score", (("kind", -5),), constant=3),))
    with pytest.raises(duckdb.Error, match="score is negative"):
        expected(query, pieces(query, stream([(0, 0, 1, 0)], True), 1))


def test_members_are_the_events_of_the_windows_asked_for() -> None:
    drawn = [(number, number % 4, number % 3, number % 9) for number in range(31)]
    events = stream(drawn, True)
    for name, wanted in {
        "tumbling": {"key": [1, 2, 0], "start": [7, 14, 700], "end": [14, 21, 707]},
        "sliding": {"key": [1, 1], "start": [6, 9], "end": [15, 18]},
        "session": {"key": [3], "start": [3], "end": [35]},
    }.items():
        # Four events of one key are four apart: no session goes on, but with a gap of five all are one.
        query = query_of(SHAPES[name] if name != "session" else Windowed(Session(5), AGGREGATES))
        found = members(query, pieces(query, events, 10), pa.table(wanted)).to_pylist()
        windows = list(zip(*wanted.values(), strict=True))
        due = [
            (LABELS[key], start, end, event["id"])
            for event in events
            for key, start, end in windows
            if event["group"] == LABELS[key] and start <= event["at"] < end
        ]
        got = [(LABELS[event["key"]], event["start"], event["end"], event["id"]) for event in found]
        assert sorted(got) == sorted(due)
        assert [event["id"] for event in found] == sorted(event["id"] for event in found), "in the log's order"
        assert all(event[ODD] == events[event["id"]][ODD] for event in found)


@pytest.mark.parametrize("name", ["count", "until", "running"])
def test_members_of_a_succession_are_a_keys_events_that_pass(name: str) -> None:
    events = stream([(number, number % 3, number % 3, number % 9) for number in range(30)], True)
    query = query_of(SHAPES[name], **BEFORE["filtered"])
    found = members(query, pieces(query, events, 10), pa.table({"key": [0, 2]})).to_pylist()
    due = [event["id"] for event in events if event["group"] in ("a", "") and event[ODD] <= 6]
    assert [event["id"] for event in found] == due
