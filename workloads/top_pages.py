"""The most requested pages of each web site, second by second."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Top, Tumbling, Windowed
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters, columns

LEAST_BYTES, BYTES = 200, 100_000
"""The smallest answer, and how many sizes there are from it on."""


class TopPages:
    name = "top-pages"
    story = (
        "Web sites report requests; a few of a site's pages get most of them, and requests arrive out of order. Per "
        "site and window the `n` pages with most requests, each with its requests, bytes and slowest answer (ms)."
    )
    defaults: Parameters = MappingProxyType(
        {
            "keys": 50,
            "law": "hot",
            "zipf": 1.0,
            "pages": 200,
            "n": 5,
            "window_ms": 1000,
            "disorder_ms": 500,
        }
    )

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("site", "page", "bytes", "answer"),
            time="time",
            key="site",
            shape=Windowed(
                Tumbling(int(parameters["window_ms"])),
                (Aggregate("bytes_sum", "sum", "bytes"), Aggregate("answer_max", "max", "answer")),
                Top(int(parameters["n"]), "page", "count"),
            ),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"bytes": Largest(LEAST_BYTES + BYTES - 1)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        values = {
            "page": keys.zipf_ranks(draw(seed, "page", ids), int(parameters["pages"]), float(parameters["zipf"])),
            "bytes": LEAST_BYTES + keys.evenly(draw(seed, "bytes", ids), BYTES),
            "answer": 1 + keys.evenly(draw(seed, "answer", ids), 2000),
        }
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        sites = keys.select(parameters, seed, ids)
        return Events(ids, times, sites, values, keys.labels("site", int(parameters["keys"])))


workload = TopPages()
