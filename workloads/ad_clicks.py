"""Advertising: which impression of an ad led to which click."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from workloads import keys
from workloads.origins import origins
from workloads.query import WATERMARK_MARGIN_MS, Condition, Join, Joined, Query
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

IMPRESSION, CLICK = 0, 1


class AdClicks:
    name = "ad-clicks"
    story = (
        "Visitors are shown ads (kind 0), and the share `clicks` of all events are clicks (kind 1), up to delay_ms "
        "after the ad that was shown; both arrive out of order. Joined by visitor: each impression with each click up "
        "to within_ms later. A click that took longer, or that the disorder puts before its impression, finds none."
    )
    defaults: Parameters = MappingProxyType(
        {
            "keys": 5000,
            "law": "uniform",
            "zipf": 1.0,
            "clicks": 0.2,
            "delay_ms": 3000,
            "within_ms": 2000,
            "disorder_ms": 500,
        }
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("visitor", "kind", "ad", "price", "place"),
            time="time",
            key="visitor",
            shape=Join(
                left=(Condition("kind", "=", IMPRESSION),),
                right=(Condition("kind", "=", CLICK),),
                lower_ms=0,
                upper_ms=int(parameters["within_ms"]),
                fields=(
                    Joined("shown", "left", "ad"),
                    Joined("clicked", "right", "ad"),
                    Joined("price", "left", "price"),
                    Joined("place", "right", "place"),
                ),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        shown = origins(seed, segment, ids, float(parameters["clicks"]), int(parameters["delay_ms"]))
        values = {
            "kind": np.where(shown == ids, IMPRESSION, CLICK).astype(np.int64),
            "ad": keys.evenly(draw(seed, "ad", shown), 100),
            "price": 1 + keys.evenly(draw(seed, "price", shown), 500),
            "place": keys.evenly(draw(seed, "place", ids), 12),
        }
        visitors = keys.select(parameters, seed, shown)
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        return Events(ids, times, visitors, values, keys.labels("visitor", int(parameters["keys"])))


workload = AdClicks()
