"""A trained model applied to every event: how likely a customer is to leave."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Linear, Project, Query
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

FEATURES = {"months": 120, "calls": 20, "outages": 10, "usage": 5000, "bill": 20_000, "discount": 100}
"""Each feature with the number that it stays below."""

MODEL = Linear(
    "score",
    (("months", -310), ("calls", 2_150), ("outages", 3_480), ("usage", -7), ("bill", 2), ("discount", -120)),
    # The least that the weighted sum can be, so that no score is negative.
    constant=310 * 119 + 7 * 4999 + 120 * 99,
    divisor=100,
)
"""Weights of a linear model, in thousandths."""


class ChurnScore:
    name = "churn-score"
    story = (
        "A telephone company scores each change of a customer's record with a linear model trained elsewhere: months "
        "with the company, calls to its hotline, outages, minutes used, bill (cents), discount (percent). The weights "
        "are integers, so every engine gets the same score."
    )
    defaults: Parameters = MappingProxyType({"keys": 5000, "law": "uniform", "zipf": 1.0, "disorder_ms": 500})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("customer", *FEATURES),
            time="time",
            key="customer",
            shape=Project(("score",)),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
            derived=(MODEL,),
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {name: Largest(bound - 1) for name, bound in FEATURES.items()}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        values = {name: keys.evenly(draw(seed, name, ids), bound) for name, bound in FEATURES.items()}
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        customers = keys.select(parameters, seed, ids)
        return Events(ids, times, customers, values, keys.labels("customer", int(parameters["keys"])))


workload = ChurnScore()
