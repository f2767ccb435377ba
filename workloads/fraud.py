"""Card fraud: a small payment that tries a card out, then a large one soon after."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from workloads import keys
from workloads.query import WATERMARK_MARGIN_MS, Query, StateMachine, Transition
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, columns

SMALL, USUAL, LARGE = 0, 1, 2
ALERT = 1


class Fraud:
    name = "fraud"
    story = (
        "Whoever stole a card tries it with a small payment, then makes a large one. Per card a state machine: a small "
        "payment (size 0), then a large one (size 2) within within_ms, raises an alert that names both; a usual one "
        "(size 1) changes nothing. Shares `small` and `large`; a card's payments never overtake each other."
    )
    defaults: Parameters = MappingProxyType(
        {
            "keys": 200,
            "law": "uniform",
            "zipf": 1.0,
            "small": 0.2,
            "large": 0.1,
            "within_ms": 2000,
            "disorder_ms": 500,
        }
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("card", "size", "amount"),
            time="time",
            key="card",
            shape=StateMachine(
                "size",
                (Transition(0, SMALL, 1), Transition(1, LARGE, 0, ALERT)),
                int(parameters["within_ms"]),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        chance = keys.evenly(draw(seed, "size", ids), 1_000_000)
        small, large = (round(float(parameters[name]) * 1_000_000) for name in ("small", "large"))
        size = np.where(chance < small, SMALL, np.where(chance < small + large, LARGE, USUAL)).astype(np.int64)
        # Cents: below 5, up to 100, and from 500.
        least, most = np.array([1, 500, 50_000])[size], np.array([500, 10_000, 500_000])[size]
        spread = draw(seed, "amount", ids) % (most - least).astype(np.uint64)
        cards = keys.select(parameters, seed, ids)
        times = delayed_ms(seed, segment, ids, cards, int(parameters["disorder_ms"]))
        values = {"size": size, "amount": least + spread.astype(np.int64)}
        return Events(ids, times, cards, values, keys.labels("card", int(parameters["keys"])))


workload = Fraud()
