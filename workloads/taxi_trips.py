"""Taxi trips: what a trip came to, once the meter says that it ended."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from workloads import keys
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Condition, Query, Until, Windowed
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, columns


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

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        speed = keys.evenly(draw(seed, "speed", ids), 61)
        # A report every ten seconds of driving; ten cents begin every 70 metres.
        metres = speed * 100 // 36
        values = {
            "metres": metres,
            "fare": -(-metres // 70) * 10,
            "speed": speed,
            "ended": (keys.evenly(draw(seed, "ended", ids), int(parameters["reports"])) == 0).astype(np.int64),
        }
        taxis = keys.select(parameters, seed, ids)
        times = delayed_ms(seed, segment, ids, taxis, int(parameters["disorder_ms"]))
        return Events(ids, times, taxis, values, keys.labels("taxi", int(parameters["keys"])))


workload = TaxiTrips()
