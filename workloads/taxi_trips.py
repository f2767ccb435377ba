"""Taxi trips: what a trip came to, once the meter says that it ended."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Condition, Query, Until, Windowed
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, columns

TOP_SPEED = 60
"""Kilometres an hour."""


class TaxiTrips:
    name = "taxi-trips"
    story = (
        "Taxis report metres driven and the fare for them (cents) until the meter says that the trip has ended; it has "
        "`reports` reports on average. Per taxi and trip, as it ends: metres, fare, top speed (km/h), reports. A "
        "taxi's reports never overtake each other."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 200, "law": "uniform", "zipf": 1.0, "reports": 10, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("taxi", "metres", "fare", "speed", "ended"),
            time="time",
            key="taxi",
            shape=Windowed(
                Until(Condition("ended", "=", 1)),
                (
                    Aggregate("metres_sum", "sum", "metres"),
                    Aggregate("fare_sum", "sum", "fare"),
                    Aggregate("speed_max", "max", "speed"),
                ),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"metres": Largest(_metres(TOP_SPEED)), "fare": Largest(_fare(_metres(TOP_SPEED)))}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        speed = keys.evenly(draw(seed, "speed", ids), TOP_SPEED + 1)
        metres = _metres(speed)
        values = {
            "metres": metres,
            "fare": _fare(metres),
            "speed": speed,
            "ended": (keys.evenly(draw(seed, "ended", ids), int(parameters["reports"])) == 0).astype(np.int64),
        }
        taxis = keys.select(parameters, seed, ids)
        times = delayed_ms(seed, segment, ids, taxis, int(parameters["disorder_ms"]))
        return Events(ids, times, taxis, values, keys.labels("taxi", int(parameters["keys"])))


def _metres(speed: Any) -> Any:
    """Driven in ten seconds, the time from one report to the next; of an integer or an array of them."""
    return speed * 100 // 36


def _fare(metres: Any) -> Any:
    """Ten cents begin every 70 metres."""
    return -(-metres // 70) * 10


workload = TaxiTrips()
