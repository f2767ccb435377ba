"""Industrial sensors: temperature statistics per sensor and tumbling window."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import numpy as np

from workloads.query import Aggregate, Column, Query, Tumbling, Windowed
from workloads.stream import Events, Integers, Segment, draw, zipf
from workloads.workload import Parameters


@lru_cache(maxsize=8)
def _labels(count: int) -> tuple[str, ...]:
    return tuple(f"sensor-{number:04d}" for number in range(count))


class Sensors:
    name = "sensors"
    story = (
        "A plant's sensors report temperatures (thousandths of a degree); a few report most of the readings, and "
        "readings arrive out of order. Per sensor and window: count, sum, lowest, highest; the mean is sum by count."
    )
    defaults: Parameters = MappingProxyType({"keys": 1000, "zipf": 1.0, "window_ms": 10_000, "disorder_ms": 500})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=(
                Column("id", "integer"),
                Column("check", "integer"),
                Column("sensor", "text"),
                Column("time", "integer"),
                Column("temperature", "integer"),
            ),
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
            watermark_delay_ms=int(parameters["disorder_ms"]) + 1000,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        disorder_ms = int(parameters["disorder_ms"])
        keys = int(parameters["keys"])
        due_ms = segment.base_ms + segment.offsets_ns(ids) // 1_000_000
        disorder = (draw(seed, "disorder", ids) % np.uint64(disorder_ms + 1)).astype(np.int64)
        # The first events would otherwise fall before the base and into the windows of what came before.
        times = np.maximum(due_ms - disorder, segment.base_ms)
        ranks = np.searchsorted(zipf(keys, float(parameters["zipf"])), draw(seed, "key", ids), side="right")
        temperature = 20_000 + (draw(seed, "temperature", ids) % np.uint64(15_000)).astype(np.int64)
        return Events(ids, times, ranks.astype(np.int64), {"temperature": temperature}, _labels(keys))


workload = Sensors()
