"""The oracle against a second, independent evaluation in plain Python."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.oracle import expected, members
from workloads.query import Aggregate, Column, Query, Tumbling, Windowed
from workloads.sensors import workload
from workloads.stream import Events, Segment

QUERY = Query(
    columns=(
        Column("id", "integer"),
        Column("check", "integer"),
        Column("group", "text"),
        Column("at", "integer"),
        Column("odd \"name'", "integer"),
        Column("note", "text"),
    ),
    time="at",
    key="group",
    shape=Windowed(
        Tumbling(7),
        (
            Aggregate("select", "sum", "odd \"name'"),
            Aggregate("low", "min", "odd \"name'"),
            Aggregate("high", "max", "odd \"name'"),
            Aggregate("first", "min", "at"),
        ),
    ),
    watermark_delay_ms=0,
)


def by_hand(query, pieces):
    groups = {}
    for events in pieces:
        columns = {query.time: events.times, "id": events.ids, "check": events.checks, **events.values}
        rows = zip(events.keys.tolist(), *(column.tolist() for column in columns.values()), strict=True)
        for key, *values in rows:
            event = dict(zip(columns, values, strict=True))
            start = event[query.time] // query.shape.window.size_ms * query.shape.window.size_ms
            groups.setdefault((start, start + query.shape.window.size_ms, key), []).append(event)
    functions = {"sum": sum, "min": min, "max": max}
    return [
        {
            "key": key,
            "start": start,
            "end": end,
            **{
                output.name: len(group)
                if output.function == "count"
                else functions[output.function](event[output.column] for event in group)
                for output in query.shape.outputs
            },
            "last_id": max(event["id"] for event in group),
        }
        for (start, end, key), group in sorted(groups.items())
    ]


def events_of(rows):
    ids, times, keys, values = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Events(ids, times, keys, {"odd \"name'": values}, ("a", "b", "c", "d"))


ROW = st.tuples(st.integers(0, 50), st.integers(0, 40), st.integers(0, 3), st.integers(0, 2**53 - 1))


@given(st.lists(st.lists(ROW, min_size=1, max_size=30), max_size=4))
@settings(deadline=None, max_examples=30)
def test_the_oracle_agrees_with_plain_python(pieces):
    pieces = [events_of(rows) for rows in pieces]
    assert expected(QUERY, pieces).to_pylist() == by_hand(QUERY, pieces)


@pytest.mark.parametrize("window_ms", [100, 1000, 10_000])
def test_the_oracle_agrees_on_the_sensors_in_any_order_and_any_pieces(window_ms):
    parameters = dict(workload.defaults) | {"window_ms": window_ms}
    segment = Segment(100, 5000, 1_795_500_000_000, 700.0)
    order = np.random.default_rng(3).permutation(np.arange(100, 5100))
    pieces = [workload.events(parameters, 11, segment, part) for part in np.array_split(order, 7)]
    query = workload.query(parameters)
    assert expected(query, pieces).to_pylist() == by_hand(query, pieces)


def test_a_sum_beyond_64_bits_is_refused_not_wrapped():
    rows = [(number, 0, 0, 2**62) for number in range(3)]
    with pytest.raises(duckdb.Error):
        expected(QUERY, [events_of(rows)])


def test_members_are_the_events_of_the_windows_asked_for():
    rows = [(number, number, number % 4, number * 3) for number in range(40)]
    windows = pa.table({"key": [1, 2, 0], "start": [7, 14, 700], "end": [14, 21, 707]})
    found = members(QUERY, [events_of(rows[:25]), events_of(rows[25:])], windows).to_pylist()
    assert sorted(event["id"] for event in found) == [9, 13, 14, 18]
    assert {(event["key"], event["start"], event["end"]) for event in found} == {(1, 7, 14), (2, 14, 21)}
    assert all(event["odd \"name'"] == event["id"] * 3 for event in found)
