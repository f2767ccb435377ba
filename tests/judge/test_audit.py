"""Whatever set of a window's own events is lost or counted twice, the audit sums name it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.verdict.audit import describe, explain, find
from workloads.sensors import workload
from workloads.stream import checks

QUERY = workload.query(workload.defaults)


def window(size, seed=0):
    """A window's events in log order; ids are scattered over the stream."""
    random = np.random.default_rng(seed)
    ids = np.sort(random.choice(5_000, size, replace=False)).astype(np.int64)
    return {"id": ids, "check": checks(ids), "time": ids, "temperature": random.integers(20_000, 35_000, size)}


def row(events, positions):
    """The row that counts the events at these positions, each as often as it is named."""
    chosen = {name: column[positions] for name, column in events.items()}
    temperature = chosen["temperature"].tolist()
    return {
        "sum": sum(temperature),
        "min": min(temperature),
        "max": max(temperature),
        "count": len(positions),
        "ids": int(chosen["id"].sum()),
        "checks": int(chosen["check"].sum()),
    }


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_loss_in_a_small_window_is_named(data):
    size = data.draw(st.integers(2, 22))
    events = window(size, data.draw(st.integers(0, 10_000)))
    lost = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size - 1)))
    kept = [position for position in range(size) if position not in lost]
    explanation = explain(QUERY, events, row(events, list(range(size))), row(events, kept))
    assert explanation.kind == "loss"
    assert explanation.ids == tuple(events["id"][lost].tolist())


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_double_count_in_a_small_window_is_named(data):
    size = data.draw(st.integers(1, 22))
    events = window(size, data.draw(st.integers(0, 10_000)))
    twice = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size)))
    everything = list(range(size))
    explanation = explain(QUERY, events, row(events, everything), row(events, everything + twice))
    assert explanation.kind == "double count"
    assert explanation.ids == tuple(events["id"][twice].tolist())


@pytest.mark.parametrize("size", [23, 100, 300])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("kept", [False, True])
def test_a_few_scattered_events_of_a_large_window_are_named(size, count, kept):
    events = window(size, seed=size)
    few = sorted(np.random.default_rng(count).choice(size, count, replace=False).tolist())
    rest = [position for position in range(size) if position not in few]
    there, lost = (few, rest) if kept else (rest, few)
    explanation = explain(QUERY, events, row(events, list(range(size))), row(events, there))
    assert explanation.kind == "loss"
    assert explanation.ids == tuple(events["id"][lost].tolist())


def test_a_range_of_a_huge_window_is_named():
    events = window(4000)
    everything, again = list(range(4000)), list(range(1234, 2345))
    explanation = explain(QUERY, events, row(events, everything), row(events, everything + again), thorough=False)
    assert (explanation.kind, len(explanation.ids)) == ("double count", len(again))
    assert explanation.ids[0] == events["id"][1234]


def test_what_no_set_explains_is_broken_not_guessed():
    events = window(300)
    everything = row(events, list(range(300)))
    stranger = window(1, seed=9)
    more = {name: everything[name] + row(stranger, [0])[name] for name in ("sum", "count", "ids", "checks")}
    explanation = explain(QUERY, events, everything, everything | more)
    assert (explanation.kind, explanation.ids) == ("broken audit", ())


def test_an_exchange_of_events_is_broken():
    events, others = window(10), window(10, seed=1)
    assert explain(QUERY, events, row(events, list(range(10))), row(others, list(range(10)))).kind == "broken audit"


def test_without_thoroughness_only_ranges_are_looked_for():
    events = window(10)
    found = row(events, [0, 2, 3, 4, 5, 7, 8, 9])
    due = row(events, list(range(10)))
    assert explain(QUERY, events, due, found, thorough=False).kind == "broken audit"
    assert explain(QUERY, events, due, found).kind == "loss"


@pytest.mark.parametrize("count", [0, -1, 11])
def test_impossible_counts_find_nothing(count):
    events = window(10)
    assert find(events["id"], events["check"], count, 0, 0) is None


def test_ids_in_words():
    assert describe((7,)) == "id 7"
    assert describe((7, 8)) == "2 ids (7, 8)"
    assert describe(tuple(range(9)), most=3) == "9 ids (0, 1, 2, …)"
