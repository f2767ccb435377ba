"""Nexmark query 11: user sessions."""

from __future__ import annotations

from types import MappingProxyType

from workloads import nexmark
from workloads.query import WATERMARK_MARGIN_MS, Query, Session, Windowed
from workloads.workload import Parameters, columns


class NexmarkQ11(nexmark.ByPerson):
    name = "nexmark-q11"
    story = (
        "Nexmark query 11, user sessions: how many bids a bidder makes until a pause of gap_ms. Published with 10 s, "
        "and with Flink's SESSION, which goes on after a pause of exactly the gap; here such a pause ends it. "
        "`keys` bidders are told apart; with more, numbers begin again." + nexmark.WATERMARK + nexmark.STREAM
    )
    defaults: Parameters = MappingProxyType({"keys": 50_000, "gap_ms": 1000, "disorder_ms": 0})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("person", *nexmark.COLUMNS),
            time="time",
            key="person",
            shape=Windowed(Session(int(parameters["gap_ms"])), ()),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            where=nexmark.BIDS,
        )


workload = NexmarkQ11()
