"""Industrial sensors: temperature statistics per sensor and tumbling window."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Tumbling, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

COLDEST, SPREAD = 20_000_000_000, 15_000_000_000
"""The lowest temperature, and how many there are from it on."""


class Sensors:
    name = "sensors"
    story = (
        "A plant's sensors report temperatures (billionths of a degree: not one of them fits into 32 bits, so whoever "
        "narrows a sum, a lowest or a highest is found out); a few report most of the readings, and readings arrive "
        "out of order. Per sensor and window: count, sum, lowest, highest; the mean is sum by count."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 1000, "law": "zipf", "zipf": 1.0, "window_ms": 10_000, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("sensor", "temperature"),
            time="time",
            key="sensor",
            shape=Windowed(
                Tumbling(int(parameters["window_ms"])),
                (
                    Aggregate("sum", "sum", "temperature"),
                    Aggregate("min", "min", "temperature"),
                    Aggregate("max", "max", "temperature"),
                ),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"temperature": Largest(COLDEST + SPREAD - 1)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        temperature = COLDEST + keys.evenly(draw(seed, "temperature", ids), SPREAD)
        # Histories from before there was a choice of laws name none.
        sensors = keys.select({"law": "zipf", **parameters}, seed, ids)
        return Events(ids, times, sensors, {"temperature": temperature}, keys.labels("sensor", int(parameters["keys"])))


workload = Sensors()
