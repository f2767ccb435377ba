"""Machines that work in short cycles: sessions that open and close all the time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import Aggregate, Query, Session, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

POWERS = 30_001
"""How many powers there are, from zero on."""


class MachineCycles:
    name = "machine-cycles"
    story = (
        "Machines report their power (watts) while they work; a cycle ends once a machine was silent for gap_ms. Per "
        "machine and cycle: sum, highest. Cycles are short and end all the time, so that at every moment some are "
        "closed and not written yet: an engine that looks for closed windows now and then, and forgets what is older "
        "than its retention in between, loses rows without any failure (docs/findings/kafka-streams-window-loss)."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 1000, "law": "uniform", "zipf": 1.0, "gap_ms": 200, "disorder_ms": 100}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("machine", "power"),
            time="time",
            key="machine",
            shape=Windowed(
                Session(int(parameters["gap_ms"])),
                (Aggregate("power_sum", "sum", "power"), Aggregate("power_max", "max", "power")),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + 1000,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"power": Largest(POWERS - 1)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        power = keys.evenly(draw(seed, "power", ids), POWERS)
        machines = keys.select(parameters, seed, ids)
        return Events(ids, times, machines, {"power": power}, keys.labels("machine", int(parameters["keys"])))


workload = MachineCycles()
