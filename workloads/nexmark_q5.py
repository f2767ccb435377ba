"""Nexmark query 5: hot items."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from workloads import keys, nexmark
from workloads.query import WATERMARK_MARGIN_MS, Query, Sliding, Top, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms
from workloads.workload import Parameters, columns


class NexmarkQ5:
    name = "nexmark-q5"
    story = (
        "Nexmark query 5, hot items: the auction with most bids in the last window_ms, every slide_ms anew. Published "
        "with 10 s and 2 s, and with all auctions that share the first place; here the one with the smallest number. "
        "It is one place for all bids, so they have one key and one partition." + nexmark.WATERMARK + nexmark.STREAM
    )
    defaults: Parameters = MappingProxyType({"window_ms": 4000, "slide_ms": 1000, "disorder_ms": 0})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("market", *nexmark.COLUMNS),
            time="time",
            key="market",
            shape=Windowed(
                Sliding(int(parameters["window_ms"]), int(parameters["slide_ms"])), (), Top(1, "auction", "count")
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            where=nexmark.BIDS,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        _, values = nexmark.columns(seed, ids)
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        return Events(ids, times, np.zeros_like(ids), values, keys.labels("market", 1))


workload = NexmarkQ5()
