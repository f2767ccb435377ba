"""Handovers of a mobile network: statistics per tower over its last handovers, by their number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Count, Query, Windowed
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, columns

SIGNALS = 7_000
"""How many strengths there are, from 0 on."""


class CellHandovers:
    name = "cell-handovers"
    story = (
        "Towers of a mobile network take over calls from each other. Per tower, over its last `size` handovers and "
        "anew after every `slide`: signal strength (dB above the weakest, in hundredths), different towers that calls "
        "came from, handovers that failed. A tower's reports never overtake each other."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 100, "law": "zipf", "zipf": 0.5, "size": 10, "slide": 5, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("tower", "source", "signal", "failed"),
            time="time",
            key="tower",
            shape=Windowed(
                Count(int(parameters["size"]), int(parameters["slide"])),
                (
                    Aggregate("signal_sum", "sum", "signal"),
                    Aggregate("signal_min", "min", "signal"),
                    Aggregate("sources", "distinct", "source"),
                    Aggregate("failed_sum", "sum", "failed"),
                ),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"signal": Largest(SIGNALS - 1), "failed": Largest(1)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        towers = keys.select(parameters, seed, ids)
        count = int(parameters["keys"])
        values = {
            # A call comes from one of the six towers around.
            "source": (towers + 1 + keys.evenly(draw(seed, "source", ids), 6)) % count,
            "signal": keys.evenly(draw(seed, "signal", ids), SIGNALS),
            "failed": (keys.evenly(draw(seed, "failed", ids), 50) == 0).astype(ids.dtype),
        }
        times = delayed_ms(seed, segment, ids, towers, int(parameters["disorder_ms"]))
        return Events(ids, times, towers, values, keys.labels("tower", count))


workload = CellHandovers()
