"""Two opinions on the right answer to every workload: the oracle's and that of the plain Python reference."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import workloads
from tests.conformance.reference import rows
from tests.workloads.made import BASE_MS, SEED, SEEDED, WORKLOADS, decoded
from workloads import oracle
from workloads.discovery import Unavailable
from workloads.stream import Segment
from workloads.workload import Workload, discover

NEW = """
from types import MappingProxyType

from workloads import keys
from workloads.query import Aggregate, Condition, Query, Sliding, Windowed
from workloads.stream import Events, disordered_ms, draw
from workloads.workload import columns


class Lifts:
    name = "lifts"
    story = "Lifts report the floor where they stop: per lift, how many different floors with somebody on board."
    defaults = MappingProxyType({"keys": 20, "law": "uniform", "disorder_ms": 300})

    def query(self, parameters):
        return Query(
            columns=columns("lift", "floor", "load"),
            time="time",
            key="lift",
            shape=Windowed(Sliding(3000, 1000), (Aggregate("floors", "distinct", "floor"),)),
            watermark_delay_ms=int(parameters["disorder_ms"]) + 1000,
            where=(Condition("load", ">", 0),),
        )

    def events(self, parameters, seed, segment, ids):
        values = {"floor": keys.evenly(draw(seed, "floor", ids), 9), "load": keys.evenly(draw(seed, "load", ids), 4)}
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        return Events(ids, times, keys.select(parameters, seed, ids), values, keys.labels("lift", 20))


workload = Lifts()
"""


def assert_both_agree(workload: Workload) -> None:
    query = workload.query(workload.defaults)
    segment = Segment(0, 3000, BASE_MS, 1000.0)
    pieces = [workload.events(workload.defaults, SEED, segment, ids) for ids in np.split(np.arange(3000), [700, 701])]
    table = oracle.expected(query, pieces)
    names = (*query.identity, *query.fields)
    found = [{"key": pieces[0].labels[row["key"]], **{name: row[name] for name in names}} for row in table.to_pylist()]
    due = rows(query, [event for piece in pieces for event in decoded(query, piece)])
    assert due
    assert sorted(found, key=lambda row: (row["key"], *(row[name] for name in query.identity))) == due


@pytest.mark.parametrize("name", SEEDED)
def test_oracle_and_reference_agree_on_every_workload(name: str) -> None:
    assert_both_agree(WORKLOADS[name])


def test_one_new_file_is_a_workload_without_any_other_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lifts.py").write_text(NEW)
    monkeypatch.setattr(workloads, "__path__", [*workloads.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "workloads.lifts", raising=False)
    found = discover()["lifts"]
    monkeypatch.delitem(sys.modules, "workloads.lifts")
    monkeypatch.delattr(workloads, "lifts")
    assert not isinstance(found, Unavailable)
    assert_both_agree(found)
