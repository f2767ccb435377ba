"""Cars' positions: mean speed per car over the last seconds, renewed every second."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Sliding, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

TOP_SPEED = 130_000
"""Metres an hour."""


class Gps:
    name = "gps"
    story = (
        "Cars report their speed (metres an hour) and how far they came since the last report (centimetres); reports "
        "arrive out of order. Per car, over the last seconds and every second anew: mean speed as its sum and count, "
        "top speed, distance."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 500, "law": "uniform", "zipf": 1.0, "window_ms": 4000, "slide_ms": 1000, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("car", "speed", "distance"),
            time="time",
            key="car",
            shape=Windowed(
                Sliding(int(parameters["window_ms"]), int(parameters["slide_ms"])),
                (
                    Aggregate("speed_sum", "sum", "speed"),
                    Aggregate("speed_max", "max", "speed"),
                    Aggregate("distance_sum", "sum", "distance"),
                ),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"speed": Largest(TOP_SPEED), "distance": Largest(TOP_SPEED // 36)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        speed = keys.evenly(draw(seed, "speed", ids), TOP_SPEED + 1)
        # A report a second: metres an hour are a 36th of that in centimetres a second.
        values = {"speed": speed, "distance": speed // 36}
        cars = keys.select(parameters, seed, ids)
        return Events(ids, times, cars, values, keys.labels("car", int(parameters["keys"])))


workload = Gps()
