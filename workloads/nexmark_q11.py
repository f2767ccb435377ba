"""Nexmark query 11: user sessions."""

from __future__ import annotations

from types import MappingProxyType

from workloads import keys, nexmark
from workloads.query import Query, Session, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms
from workloads.workload import Parameters, columns


class NexmarkQ11:
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
            watermark_delay_ms=int(parameters["disorder_ms"]) + 1000,
            where=nexmark.BIDS,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        persons, values = nexmark.columns(seed, ids)
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        count = int(parameters["keys"])
        return Events(ids, times, persons % count, values, keys.labels("person", count))


workload = NexmarkQ11()
