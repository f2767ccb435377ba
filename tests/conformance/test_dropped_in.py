"""A workload file that is dropped into workloads/ runs on every engine with no other edit."""

from __future__ import annotations

from pathlib import Path

import pytest

import workloads
from engines.protocol import Engine
from tests.conformance import streams
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.streams import stream_of
from workloads.workload import discover

pytestmark = pytest.mark.timeout(700)

FILE = '''
"""Rented bikes: at how many stations fast bikes were seen lately, per district."""

from types import MappingProxyType

from workloads import keys
from workloads.query import Aggregate, Condition, Query, Sliding, Windowed
from workloads.stream import Events, disordered_ms, draw
from workloads.workload import columns


class RentedBikes:
    name = "rented-bikes"
    story = "Bikes report their speed and the station they passed; per district, the last four seconds every second."
    defaults = MappingProxyType({"keys": 40, "law": "uniform", "zipf": 1.0})

    def query(self, parameters):
        return Query(
            columns=columns("district", "speed", "station"),
            time="time",
            key="district",
            where=(Condition("speed", ">", 15),),
            shape=Windowed(
                Sliding(4_000, 1_000),
                (Aggregate("stations", "distinct", "station"), Aggregate("fastest", "max", "speed")),
            ),
            watermark_delay_ms=1_500,
        )

    def events(self, parameters, seed, segment, ids):
        times = disordered_ms(seed, segment, ids, 500)
        values = {
            "speed": keys.evenly(draw(seed, "speed", ids), 31),
            "station": keys.evenly(draw(seed, "station", ids), 7),
        }
        districts = keys.select(parameters, seed, ids)
        return Events(ids, times, districts, values, keys.labels("district", int(parameters["keys"])))


workload = RentedBikes()
'''


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "rented_bikes.py").write_text(FILE)
    monkeypatch.setattr(workloads, "__path__", [*workloads.__path__, str(tmp_path)])
    monkeypatch.setitem(streams.FOUND, "rented-bikes", discover()["rented-bikes"])
    return "rented-bikes"


def test_a_filter_a_sliding_window_and_a_distinct_count_are_right_on_every_engine(
    stage: Stage, engine: Engine, dropped_in: str, limit
):
    query, events = stream_of(dropped_in)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events))
