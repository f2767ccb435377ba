"""Nexmark query 1: currency conversion."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import nexmark
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Linear, Project, Query
from workloads.workload import Parameters, columns


class NexmarkQ1(nexmark.ByPerson):
    name = "nexmark-q1"
    story = (
        "Nexmark query 1, currency conversion: every bid with its price in euros, at 0.908 a dollar. As published but "
        "for whole euro cents, rounded down, instead of decimals, and without the column `extra`. The log's key is the "
        "bidder, of whom `keys` are told apart." + nexmark.STREAM
    )
    defaults: Parameters = MappingProxyType({"keys": 50_000, "disorder_ms": 0})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("person", *nexmark.COLUMNS),
            time="time",
            key="person",
            shape=Project(("auction", "bidder", "euros", "time")),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            where=nexmark.BIDS,
            derived=(Linear("euros", (("price", 908),), divisor=1000),),
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"price": Largest(nexmark.HIGHEST_PRICE)}


workload = NexmarkQ1()
