"""Card payments that are sent again when no answer comes: each counts once in its account's running balance."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.origins import origins
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Deduplicate, Query, Running
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, columns

HIGHEST = 50_000
"""The highest payment, in cents."""


class Payments:
    name = "payments"
    story = (
        "Terminals send payments (cents), and the share `resent` of what is sent is a payment sent again, within "
        "within_ms, with the number it had. Each payment counts once; after every one: its account's number of "
        "payments, balance, largest payment. An account's payments never overtake each other."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 1000, "law": "uniform", "zipf": 1.0, "resent": 0.1, "within_ms": 1000, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        within_ms, disorder_ms = int(parameters["within_ms"]), int(parameters["disorder_ms"])
        return Query(
            columns=columns("account", "payment", "amount"),
            time="time",
            key="account",
            shape=Running((Aggregate("balance", "sum", "amount"), Aggregate("largest", "max", "amount"))),
            watermark_delay_ms=max(disorder_ms + WATERMARK_MARGIN_MS, within_ms),
            deduplicate=Deduplicate(("payment",), within_ms),
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"amount": Largest(HIGHEST)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        payments = origins(seed, segment, ids, float(parameters["resent"]), int(parameters["within_ms"]))
        accounts = keys.select(parameters, seed, payments)
        values = {"payment": payments, "amount": 1 + keys.evenly(draw(seed, "amount", payments), HIGHEST)}
        times = delayed_ms(seed, segment, ids, accounts, int(parameters["disorder_ms"]))
        return Events(ids, times, accounts, values, keys.labels("account", int(parameters["keys"])))


workload = Payments()
