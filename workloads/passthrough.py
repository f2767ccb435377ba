"""Filter and projection, without any state: the floor of what an engine's latency and cost can be."""

from __future__ import annotations

from types import MappingProxyType

from workloads import keys
from workloads.query import WATERMARK_MARGIN_MS, Condition, Project, Query
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns


class Passthrough:
    name = "passthrough"
    story = (
        "Meters report electric power (watts) and voltage (millivolts); readings of `least` watts or more pass, with "
        "time and power. No state: the floor of latency."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 1000, "law": "uniform", "zipf": 1.0, "least": 5000, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("meter", "power", "voltage"),
            time="time",
            key="meter",
            shape=Project(("time", "power")),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            where=(Condition("power", ">=", int(parameters["least"])),),
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        values = {
            "power": keys.evenly(draw(seed, "power", ids), 10_000),
            "voltage": 220_000 + keys.evenly(draw(seed, "voltage", ids), 20_000),
        }
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        meters = keys.select(parameters, seed, ids)
        return Events(ids, times, meters, values, keys.labels("meter", int(parameters["keys"])))


workload = Passthrough()
