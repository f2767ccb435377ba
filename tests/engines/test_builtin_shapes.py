"""Every shape of query on both built-in operators: rows are the reference's, however the input is cut and restored."""

from __future__ import annotations

import importlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lateness import rows_and_late
from readings import LARGEST, part

from engines.runtime.operator import Operator
from tests.conformance.examples import AGGREGATES, COLUMNS, EXAMPLES, PLAIN, stream
from tests.conformance.reference import Event, Row, rows
from workloads.query import (
    Aggregate,
    Condition,
    Count,
    Deduplicate,
    Linear,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    Top,
    Tumbling,
    Until,
    Windowed,
)

pytestmark = pytest.mark.slow

CLOSING = "~close"
MORE: dict[str, Query] = EXAMPLES | {
    name: replace(EXAMPLES["tumbling"], shape=shape, **more)
    for name, shape, more in (
        ("session-distinct", Windowed(Session(200), AGGREGATES), {}),
        ("running-distinct", Running(AGGREGATES), {}),
        ("until-distinct", Windowed(Until(Condition("amount", ">", 900)), AGGREGATES), {}),
        ("sliding-count-distinct", Windowed(Count(6, 3), AGGREGATES), {}),
        ("top-by-distinct", Windowed(Sliding(2000, 500), AGGREGATES, Top(2, "kind", "items")), {}),
        ("project-identity", Project(("check", "id", "time")), {}),
        ("deduplicated-window", Windowed(Tumbling(1000), PLAIN), {"deduplicate": Deduplicate(("kind", "item"), 900)}),
        (
            "filtered-derived-session",
            Windowed(Session(300), (Aggregate("load", "max", "load"),)),
            {"where": (Condition("kind", "<=", 1),), "derived": (Linear("load", (("amount", 2), ("item", -3)), 50),)},
        ),
    )
}
Make = Callable[[Query, bytes | None], Operator]


@pytest.fixture(params=["continuous", "micro_batch"])
def make(request: pytest.FixtureRequest) -> Make:
    operator: type[Operator] = importlib.import_module(f"engines.{request.param}.operator").Operator
    return lambda query, state: operator(query, 0, state)


def encoded(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def ahead(query: Query, events: Sequence[Event]) -> Event:
    """An event of another key that lets all windows close."""
    return {column.name: 0 for column in COLUMNS} | {
        query.key: CLOSING,
        query.time: max((event[query.time] for event in events), default=0) + 10**7,
    }


def fed(make: Make, query: Query, events: Iterable[Event], chance: random.Random, most: int) -> tuple[list[Row], int]:
    """Rows for events given in pieces of up to `most`, with a restored state now and then; how many were late."""
    records, operator = list(map(encoded, events)), make(query, None)
    found: list[Row] = []

    def take() -> None:
        results = operator.results()
        if results is not None:
            some = [json.loads(row) for row in results.rows.split(b"\n")]
            assert [row["key"].encode() for row in some] == list(results.keys)
            found.extend(some)

    position = 0
    while position < len(records):
        step = chance.choice((1, 3, most))
        operator.feed(part(records[position : position + step]))
        position += step
        if chance.random() < 0.5:
            take()
        if chance.random() < 0.3:
            take()
            operator = make(query, operator.snapshot())
    take()
    return [row for row in found if row["key"] != CLOSING], operator.late


def counted(found: Iterable[Row]) -> Counter[tuple[tuple[str, Any], ...]]:
    return Counter(tuple(sorted(row.items())) for row in found)


def sample(name: str, count: int, seed: int) -> list[Event]:
    if name in EXAMPLES:
        return stream(name, count, seed)
    query = MORE[name]
    return stream("deduplicate" if query.deduplicate else "running" if query.ordered else "tumbling", count, seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MORE)
def test_rows_are_those_of_the_reference_however_the_input_is_cut(make: Make, name: str, seed: int):
    query, events = MORE[name], sample(name, 1500, seed)
    most = (1500, 400, 50)[seed]
    found, late = fed(make, query, [*events, ahead(query, events)], random.Random(seed), most)
    assert late == 0
    assert len(found) > 20
    assert counted(found) == counted(rows(query, events))
    assert set(found[0]) == {"key", *query.identity, *query.fields}


EDGES = st.sampled_from(
    [0, 1, 199, 200, 201, 399, 400, 800, 999, 1000, 1500, 1999, 2000, 2500, 3999, 4000, 8000, 12_345]
)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["", "a", "ü", "温度", '"\\\n', "k" * 40]), EDGES, st.integers(0, 2), st.integers(0, 3)),
    max_size=40,
)


@pytest.mark.parametrize("name", MORE)
@settings(max_examples=25, deadline=None)
@given(EVENTS, st.sampled_from([0, 900, 100_000, LARGEST]), st.integers(0, 2**32))
def test_edges_equal_times_and_any_keys(name: str, drawn: list[tuple[str, int, int, int]], largest: int, seed: int):
    # The delay is so long that nothing is late and no repetition is forgotten.
    query = replace(MORE[name], watermark_delay_ms=10**6)
    if query.derived:
        largest = min(largest, 100_000)
    chance = random.Random(seed)
    drawn = sorted(drawn, key=lambda event: event[1]) if query.ordered else drawn
    events = [
        {
            "id": number,
            "check": chance.randrange(2**31),
            "name": key,
            "time": 40_000 + at,
            "kind": kind,
            "item": item,
            "amount": largest // 40 + 20 + number,
        }
        for number, (key, at, kind, item) in enumerate(drawn)
    ]
    want = counted(rows(query, events))
    for package in ("continuous", "micro_batch"):
        operator: type[Operator] = importlib.import_module(f"engines.{package}.operator").Operator
        found, late = fed(
            lambda query, state, operator=operator: operator(query, 0, state),
            query,
            [*events, ahead(query, events)],
            random.Random(seed),
            20,
        )
        assert (package, counted(found), late) == (package, want, 0)


LATE = [
    "tumbling",
    "tumbling-distinct",
    "sliding",
    "sliding-top",
    "top-by-distinct",
    "session",
    "session-distinct",
    "join",
    "deduplicate",
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LATE)
def test_what_is_late_depends_on_the_log_and_not_on_batches(make: Make, name: str, seed: int):
    query = replace(MORE[name], watermark_delay_ms=300)
    chance = random.Random(seed)
    events = [
        event | {"time": event["time"] - chance.choice((0, 100, 2500, 7000)), "item": chance.randrange(30)}
        for event in map(dict, stream("tumbling", 500, seed))
    ]
    events.append(ahead(query, events))
    want, late = rows_and_late(query, events)
    want = [row for row in want if row["key"] != CLOSING]
    assert late or query.deduplicate
    for most in (1000, 40):
        found, dropped = fed(make, query, events, chance, most)
        assert counted(found) == counted(want)
        assert dropped == late


@pytest.mark.parametrize("name", ["join", "deduplicate", "session", "sliding", "machine"])
def test_state_is_bounded_while_keys_come_and_go(make: Make, name: str):
    query, sizes = EXAMPLES[name], []
    operator = make(query, None)
    for phase in range(6):
        events = [
            {
                "id": i,
                "check": 1,
                "name": f"k{phase}-{i % 50}",
                "time": 10**7 + phase * 100_000 + i,
                "item": i,
                "amount": 1,
            }
            | {"kind": i % 100 // 50 if name != "machine" else (0, 1, 2)[i // 50 % 3]}
            for i in range(600)
        ]
        operator.feed(part(list(map(encoded, events))))
        operator.results()
        sizes.append(len(operator.snapshot()))
    assert max(sizes) < 1.2 * min(sizes)


def test_a_window_of_many_slides_and_a_jump_in_time(make: Make):
    query = replace(EXAMPLES["sliding"], shape=Windowed(Sliding(60_000, 100), PLAIN), watermark_delay_ms=0)
    times = [0, 50, 100, 6_000, 59_999, 60_000, 61_000, 10**12, 10**12 + 5, 10**12 + 60_000]
    events = [
        {"id": i, "check": 1, "name": f"k{i % 2}", "time": 10**6 + at, "kind": 0, "item": 0, "amount": i}
        for i, at in enumerate(times)
    ]
    found, late = fed(make, query, [*events, ahead(query, events)], random.Random(1), 4)
    assert late == 0
    assert counted(found) == counted(rows(query, events))


def test_micro_batch_merges_no_more_panes_at_once_than_it_may(monkeypatch: pytest.MonkeyPatch):
    module = importlib.import_module("engines.micro_batch.operator")
    monkeypatch.setattr("engines.micro_batch.windows._MERGED_ROWS", 50)
    query, events = EXAMPLES["sliding"], stream("sliding", 2000)
    found, _ = fed(
        lambda query, state: module.Operator(query, 0, state),
        query,
        [*events, ahead(query, events)],
        random.Random(1),
        2000,
    )
    assert counted(found) == counted(rows(query, events))


def test_micro_batch_drops_labels_but_no_state(monkeypatch: pytest.MonkeyPatch):
    module = importlib.import_module("engines.micro_batch.operator")
    monkeypatch.setattr(module, "_SPARE_LABELS", 20)
    for name in ("session", "join", "deduplicate", "sliding-count", "machine", "project"):
        query, events = EXAMPLES[name], stream(name, 1000)
        events = [event | {"name": f"{event['name']}-{i // 200}"} for i, event in enumerate(map(dict, events))]
        operator, found = module.Operator(query, 0, None), []
        for start in range(0, 1001, 100):
            operator.feed(part(list(map(encoded, [*events, ahead(query, events)][start : start + 100]))))
            results = operator.results()
            found += [json.loads(row) for row in results.rows.split(b"\n")] if results else []
        assert counted(row for row in found if row["key"] != CLOSING) == counted(rows(query, events))


@pytest.mark.parametrize("name", ["session", "running", "sliding", "until"])
def test_a_sum_beyond_64_bits_is_exact_or_an_error_but_never_a_wrong_row(make: Make, name: str):
    query, count = EXAMPLES[name], 1100
    events = [
        {"id": i, "check": 1, "name": "a", "time": 5000 + i // 100, "item": 0, "amount": LARGEST}
        | {"kind": 2 if i == count - 1 else 0}
        for i in range(count)
    ]
    operator = make(query, None)
    try:
        operator.feed(part(list(map(encoded, [*events, ahead(query, events)]))))
        results = operator.results()
    except OverflowError as error:
        assert "fit 64 bits" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert results is not None
        totals = [row["total"] for row in map(json.loads, results.rows.split(b"\n")) if row["key"] == "a"]
        assert max(totals) == count * LARGEST
