"""Every event once: what any pipe, connector or mirror must keep. An answer is told by the event's id alone."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from workloads import keys
from workloads.query import WATERMARK_MARGIN_MS, Project, Query
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, Unfit, columns

_ORDERS = ("none", "key")


class EachOnce:
    name = "each-once"
    story = (
        "Sources report amounts; each event is to come out once, and where `order` is `key` those of a source in their "
        "order. No state and no filter: what any pipe, connector or mirror must keep."
    )
    defaults: Parameters = MappingProxyType({"keys": 1000, "order": "none", "disorder_ms": 500})

    def query(self, parameters: Parameters) -> Query:
        order = parameters["order"]
        if order not in _ORDERS:
            raise Unfit(f"`order` cannot be {order!r}", f"use one of {', '.join(_ORDERS)}")
        return Query(
            columns=columns("source", "amount"),
            time="time",
            key="source",
            shape=Project((), in_order=order == "key"),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        values = {"amount": keys.evenly(draw(seed, "amount", ids), 1_000_000)}
        names = labels(int(parameters["keys"]))
        sources = key_of(ids, len(names))
        times = delayed_ms(seed, segment, ids, sources, int(parameters["disorder_ms"]))
        return Events(ids, times, sources, values, names)


def labels(count: int) -> tuple[str, ...]:
    """The sources' names."""
    return keys.labels("source", count)


def key_of(ids: Integers, count: int) -> Integers:
    """The source of each event, as its index in the names: it follows from the id, so that a row need not tell it."""
    return np.asarray(ids % count, dtype=np.int64)


workload = EachOnce()
