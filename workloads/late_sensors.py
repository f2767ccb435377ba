"""Sensors of which some readings come too late: what does an engine keep, and what does it drop?"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Tumbling, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, Unfit, columns

_RARER = 5
"""Delays come in so many scales, each half as long as the one before, all equally likely."""

COLDEST, SPREAD = 20_000, 15_000
"""The lowest temperature (thousandths of a degree), and how many there are from it on."""


class LateSensors:
    name = "late-sensors"
    story = (
        "A plant's sensors, of which one reading in `every` comes later than the watermark allows, by up to late_ms "
        "more; short delays are likelier than long ones. Per sensor and window: count, sum, highest. No answer is the "
        "only right one: an engine may count any of a window's late readings, and must count all others."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 200, "every": 50, "late_ms": 4000, "window_ms": 1000, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("sensor", "temperature"),
            time="time",
            key="sensor",
            shape=Windowed(
                Tumbling(int(parameters["window_ms"])),
                (Aggregate("sum", "sum", "temperature"), Aggregate("max", "max", "temperature")),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"temperature": Largest(COLDEST + SPREAD - 1)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        count, every, late_ms = (int(parameters[name]) for name in ("keys", "every", "late_ms"))
        if min(count, every, late_ms) < 1:
            raise Unfit("keys, every and late_ms must not be zero", "give each at least 1")
        # One late reading in every so many, whose sensors take turns: so a window's late ones are few.
        turn = ids // every
        late = ids % every == keys.evenly(draw(seed, "which is late", turn), every)
        sensors = np.where(late, turn % count, keys.evenly(draw(seed, "key", ids), count))
        scale = np.uint64(late_ms) >> (draw(seed, "scale", ids) % np.uint64(_RARER))
        more = 1 + (draw(seed, "late", ids) % np.maximum(scale, np.uint64(1))).astype(np.int64)
        behind = int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS + more
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        times = np.where(late, np.maximum(segment.due_ms(ids) - behind, segment.base_ms), times)
        temperature = COLDEST + keys.evenly(draw(seed, "temperature", ids), SPREAD)
        return Events(ids, times, sensors, {"temperature": temperature}, keys.labels("sensor", count))


workload = LateSensors()
