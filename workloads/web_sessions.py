"""Visits to a web site: sessions per visitor, ended by a pause."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Session, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

LEAST_BYTES, BYTES = 200, 100_000
"""The smallest answer, and how many sizes there are from it on."""


class WebSessions:
    name = "web-sessions"
    story = (
        "Visitors of a web site request pages for a while, go, and come back later; requests arrive out of order. "
        "Per visitor and session, which a pause of gap_ms ends: requests, different pages, bytes, slowest answer (ms). "
        "Of `keys` visitors, `present` are there at a time, each for visit_ms."
    )
    defaults: Parameters = MappingProxyType(
        {"keys": 2000, "present": 200, "visit_ms": 2000, "gap_ms": 500, "pages": 50, "disorder_ms": 500}
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("visitor", "page", "bytes", "answer"),
            time="time",
            key="visitor",
            shape=Windowed(
                Session(int(parameters["gap_ms"])),
                (
                    Aggregate("pages", "distinct", "page"),
                    Aggregate("bytes_sum", "sum", "bytes"),
                    Aggregate("answer_max", "max", "answer"),
                ),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"bytes": Largest(LEAST_BYTES + BYTES - 1)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        visitors, present = int(parameters["keys"]), int(parameters["present"])
        # Visitors come and go in turn: whoever came first leaves as the next one comes.
        gone = segment.due_ms(ids) * present // int(parameters["visit_ms"])
        here = (gone + keys.evenly(draw(seed, "visitor", ids), present)) % visitors
        answer = draw(seed, "answer", ids)
        values = {
            "page": keys.evenly(draw(seed, "page", ids), int(parameters["pages"])),
            "bytes": LEAST_BYTES + keys.evenly(draw(seed, "bytes", ids), BYTES),
            # Most answers are quick, a few are not: each longer time is half as frequent.
            "answer": 1 + ((answer >> np.uint64(8)) % (np.uint64(2000) >> (answer % np.uint64(8)))).astype(np.int64),
        }
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        return Events(ids, times, here, values, keys.labels("visitor", visitors))


workload = WebSessions()
