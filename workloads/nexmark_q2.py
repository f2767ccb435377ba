"""Nexmark query 2: selection."""

from __future__ import annotations

from types import MappingProxyType

from workloads import nexmark
from workloads.query import WATERMARK_MARGIN_MS, Condition, Project, Query
from workloads.workload import Parameters, columns


class NexmarkQ2(nexmark.ByPerson):
    name = "nexmark-q2"
    story = (
        "Nexmark query 2, selection: auction and price of the bids on every 123rd auction. The query is as published. "
        "The log's key is the bidder, of whom `keys` are told apart." + nexmark.STREAM
    )
    defaults: Parameters = MappingProxyType({"keys": 50_000, "disorder_ms": 0})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("person", *nexmark.COLUMNS),
            time="time",
            key="person",
            shape=Project(("auction", "price")),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            where=(*nexmark.BIDS, Condition("auction", "=", 0, modulo=123)),
        )


workload = NexmarkQ2()
