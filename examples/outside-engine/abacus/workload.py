"""A workload: the query, and its events as a pure function of the seed and their numbers."""

from __future__ import annotations

from types import MappingProxyType

from workloads import keys
from workloads.query import Aggregate, Condition, Query, Tumbling, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns


class TollStations:
    name = "toll-stations"
    story = (
        "Lorries pass toll stations and are weighed (kilograms); lighter vehicles than `least` pass free. Per station "
        "and window: count, what was paid (cents), the heaviest."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 200, "law": "zipf", "zipf": 1.0, "least": 3_500, "window_ms": 1_000, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("station", "weight", "toll"),
            time="time",
            key="station",
            where=(Condition("weight", ">=", int(parameters["least"])),),
            shape=Windowed(
                Tumbling(int(parameters["window_ms"])),
                (Aggregate("paid", "sum", "toll"), Aggregate("heaviest", "max", "weight")),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + 1000,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        values = {
            "weight": 1_000 + keys.evenly(draw(seed, "weight", ids), 39_000),
            "toll": 200 + keys.evenly(draw(seed, "toll", ids), 1_800),
        }
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        stations = keys.select(parameters, seed, ids)
        return Events(ids, times, stations, values, keys.labels("station", int(parameters["keys"])))


workload = TollStations()
