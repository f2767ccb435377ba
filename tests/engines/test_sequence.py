"""The hand-written steps for order-sensitive shapes say what the reference says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engines.sequence import first_of, prepare, step
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.reference import rows
from workloads.query import Tumbling, Windowed

ORDERED = [name for name, query in EXAMPLES.items() if query.ordered]


@pytest.mark.parametrize("example", ORDERED)
def test_rows_are_those_of_the_reference_though_state_is_stored_between_events(example: str):
    query, events = EXAMPLES[example], stream(example)
    advance, states, kept, found = step(query), {}, {}, []
    for event in events:
        key, prepared = event[query.key], prepare(query, event)
        if prepared is None:
            continue
        if query.deduplicate:
            kept[key], new = first_of(query.deduplicate, query.time)(kept.get(key), prepared)
            if not new:
                continue
        state, due = advance(json.loads(states.get(key, "null")), prepared)
        states[key] = json.dumps(state)
        found += [{"key": key, **row} for row in due]

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["key"], *(row[name] for name in query.identity))

    assert sorted(found, key=order) == rows(query, events)


def test_what_needs_no_order_is_refused():
    with pytest.raises(ValueError, match="Windowed needs no order"):
        step(EXAMPLES["tumbling"])
    assert isinstance(EXAMPLES["tumbling"].shape, Windowed)
    assert isinstance(EXAMPLES["tumbling"].shape.window, Tumbling)
