"""Nexmark query 7: highest bid."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from workloads import keys, nexmark
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Top, Tumbling, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms
from workloads.workload import Parameters, columns


class NexmarkQ7:
    name = "nexmark-q7"
    story = (
        "Nexmark query 7, highest bid: price, auction and bidder of the highest bid of each window. Published with "
        "10 s, with the bid's `dateTime` and `extra`, which are left out here, and with all bids of that price, also "
        "one at the very end of the window, which is the next window's first moment; here the first one in the window. "
        "It is one highest bid of all, so they have one key and one partition." + nexmark.WATERMARK + nexmark.STREAM
    )
    defaults: Parameters = MappingProxyType({"window_ms": 1000, "disorder_ms": 0})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("market", *nexmark.COLUMNS, "bid"),
            time="time",
            key="market",
            shape=Windowed(
                Tumbling(int(parameters["window_ms"])),
                # An item is a single bid, so that its largest values are its values.
                (
                    Aggregate("price_max", "max", "price"),
                    Aggregate("auction_max", "max", "auction"),
                    Aggregate("bidder_max", "max", "bidder"),
                ),
                Top(1, "bid", "price_max"),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            where=nexmark.BIDS,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        _, values = nexmark.columns(seed, ids)
        values["bid"] = np.where(values["kind"] == nexmark.BID, ids, 0)
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        return Events(ids, times, np.zeros_like(ids), values, keys.labels("market", 1))


workload = NexmarkQ7()
