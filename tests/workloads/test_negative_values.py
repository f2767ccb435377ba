"""Negative values are moved up on the way to an engine, and what it makes of them is moved back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.instruments.encoder import Encoder
from results.evidence.rows import parse
from tests.conformance.reference import rows
from tests.workloads.made import BASE_MS, WORKLOADS
from workloads.bounds import Load, overflow
from workloads.oracle import expected
from workloads.query import Query, Windowed
from workloads.replay import Replay
from workloads.shift import move_back
from workloads.stream import Events, Segment
from workloads.workload import Unfit

WORKLOAD = WORKLOADS["replay"]
assert isinstance(WORKLOAD, Replay)
T = 1_700_000_000
SMALLEST = -(2**52)
COLUMNS = {
    "value": [-5, 3, 0, -5, 7, 2, -1, 4],
    "more": [1, 2, 3, 4, 5, 6, 7, 8],
    "cold": [SMALLEST, -1, -2] + [-3] * 5,
}


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    lines = [f"{T + n},{'ab'[n % 2]}," + ",".join(str(column[n]) for column in COLUMNS.values()) for n in range(8)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["time,key,value,more,cold", *lines, ""]))
    return dict(WORKLOAD.prepare({**WORKLOAD.defaults, "file": str(path), "values": "value,more,cold"}))


def made(parameters: dict[str, Any]) -> tuple[Query, Events]:
    segment = Segment(0, 40, BASE_MS, 8.0)
    return WORKLOAD.query(parameters), WORKLOAD.events(parameters, 1, segment, np.arange(40))


def test_an_engine_is_given_no_negative_value(parameters: dict[str, Any]) -> None:
    query, events = made(parameters)
    given = [json.loads(value) for value in Encoder(query, 4, WORKLOAD.shifts(parameters)).rows(events).values]
    assert [each["value"] for each in given[:8]] == [0, 8, 5, 0, 12, 7, 4, 9]
    assert [each["more"] for each in given[:8]] == COLUMNS["more"]
    assert all(0 <= each["cold"] < 2**53 for each in given)
    assert events.values["value"].tolist()[:8] == COLUMNS["value"]


def output(answers: list[dict[str, Any]]) -> pa.Table:
    values = [json.dumps(each).encode() for each in answers]
    counted = list(range(len(values)))
    return pa.table(
        {"partition": [0] * len(values), "offset": counted, "time_ms": counted, "visible_ns": counted}
        | {"value": pa.array(values, pa.binary())}
    )


def test_what_a_right_engine_makes_of_it_is_what_is_due(parameters: dict[str, Any]) -> None:
    query, events = made(parameters)
    shifts = WORKLOAD.shifts(parameters)
    given = [json.loads(value) for value in Encoder(query, 4, shifts).rows(events).values]
    answers = rows(query, given)
    found = parse(query, output(answers), events.labels, shifts)
    due = expected(query, [events])
    told = {
        (int(due["key"][n].as_py()), due["start"][n].as_py()): [due[name][n].as_py() for name in query.fields]
        for n in range(due.num_rows)
    }
    seen = {
        (int(found.keys[n]), int(found.identity[0, n])): found.values[:, n].tolist() for n in range(len(found.keys))
    }
    assert seen == told
    smallest = [dict(zip(query.fields, each, strict=True)) for each in told.values()]
    assert min(each["value_min"] for each in smallest) == -5
    assert min(each["cold_min"] for each in smallest) == SMALLEST


@pytest.mark.parametrize("field", ["value_sum", "value_min", "value_max", "count", "more_sum"])
def test_a_wrong_row_stays_wrong(parameters: dict[str, Any], field: str) -> None:
    query, events = made(parameters)
    shifts = WORKLOAD.shifts(parameters)
    answers = rows(query, [json.loads(value) for value in Encoder(query, 4, shifts).rows(events).values])
    right = parse(query, output(answers), events.labels, shifts)
    for wrong in (answers[0][field] + 1, answers[0][field] - 1, 2**63 - 1, -(2**63)):
        spoilt = parse(query, output([{**answers[0], field: wrong}]), events.labels, shifts)
        assert spoilt.values[:, 0].tolist() != right.values[:, 0].tolist()


def test_what_is_shown_of_a_range_is_as_in_the_file(parameters: dict[str, Any]) -> None:
    assert parameters["lowest"] == f"-5,1,{SMALLEST}"
    assert parameters["highest"] == "7,8,-1"
    assert WORKLOAD.shifts(parameters) == {"value": 5, "cold": -SMALLEST}


def test_sums_are_bounded_as_an_engine_adds_them(parameters: dict[str, Any]) -> None:
    query, largest = WORKLOAD.query(parameters), WORKLOAD.largest(parameters)
    assert {name: each.value for name, each in largest.items()} == {"value": 12, "more": 8, "cold": -SMALLEST - 1}
    assert overflow(query, largest, Load(2048.0, 10**6)) is None
    why = overflow(query, largest, Load(2049.0, 10**6))
    assert why is not None
    assert "column 'cold', moved up by 4,503,599,627,370,496 so that none is negative: its largest value" in why


def test_a_column_without_negative_values_is_not_touched(parameters: dict[str, Any]) -> None:
    query = WORKLOAD.query(parameters)
    assert isinstance(query.shape, Windowed)
    values = np.arange(len(query.fields) * 3).reshape(-1, 3)
    moved = values.copy()
    move_back(query, {"value": 5}, moved)
    changed = {query.fields[place] for place in np.flatnonzero((moved != values).any(axis=1))}
    assert changed == {"value_sum", "value_min", "value_max"}
    move_back(query, {}, values)
    assert values.tolist() == np.arange(len(query.fields) * 3).reshape(-1, 3).tolist()


@pytest.mark.parametrize("lowest", ["x", "1,2", "1,2,3,4", "-" * 9, "1,2," + "9" * 40, "1;2;3"])
def test_a_lowest_value_that_a_plan_makes_up_is_refused(parameters: dict[str, Any], lowest: str) -> None:
    with pytest.raises(Unfit, match="is no number for each value"):
        WORKLOAD.shifts({**parameters, "lowest": lowest})
