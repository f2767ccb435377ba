"""Streams as the events that an engine is given: of every workload, and of hand-made odd cases."""

from __future__ import annotations

import math
import time
from functools import cache

import numpy as np

from tests.conformance.examples import EXAMPLES
from tests.conformance.reference import Event
from workloads.discovery import Unavailable
from workloads.query import CHECK, ID, Query
from workloads.stream import Segment
from workloads.workload import Workload, discover

COUNT = 2_400
RATE = 400.0
SEED = 20261124
LATE = "late-sensors"

FOUND: dict[str, Workload] = {name: found for name, found in discover().items() if not isinstance(found, Unavailable)}
WORKLOADS = [name for name in FOUND if name not in ("replay", "own-sql")]
"""What needs nothing but a seed; `replay` has a file, and a test, of its own."""


def base_ms(query: Query) -> int:
    """A recent multiple of a minute at which a window begins."""
    unit = math.lcm(60_000, query.alignment_ms)
    return time.time_ns() // 1_000_000 // unit * unit


@cache
def stream_of(name: str, count: int = COUNT) -> tuple[Query, list[Event]]:
    """The workload's query with its defaults, and its first events in planned order."""
    workload = FOUND[name]
    query = workload.query(workload.defaults)
    segment = Segment(0, count, base_ms(query), RATE)
    made = workload.events(workload.defaults, SEED, segment, np.arange(count, dtype=np.int64))
    columns = {query.key: [made.labels[key] for key in made.keys.tolist()], query.time: made.times.tolist()}
    columns |= {ID: made.ids.tolist(), CHECK: made.checks.tolist()}
    columns |= {column: values.tolist() for column, values in made.values.items()}
    names = [column.name for column in query.columns]
    return query, [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]


ODD_KEYS = ("", " ", "ключ", "鍵", "\U0001f511", 'quo"te', "back\\slash", "tab\tkey", "null", "%s", "a" * 300)


def odd(example: str) -> list[Event]:
    """For an example's query: odd keys, equal times, times at windows' edges, a long session."""
    query = EXAMPLES[example]
    base = base_ms(query) - 120_000
    times: list[tuple[str, int]] = []
    for step in range(12):
        times += [(key, base + step * 250) for key in ODD_KEYS]
        times += [("equal", base + 1_000)]
        times += [("edge", base + 1_000 * (step // 4) + (0, 1, 999, 999)[step % 4])]
    times += [("long", base + step * 150) for step in range(400)]
    return _odd_events(query, sorted(times, key=lambda pair: pair[1]))


def far(example: str) -> list[Event]:
    """A minute of a few keys' events, and then ones that are hours and days ahead."""
    query = EXAMPLES[example]
    base = base_ms(query) - 120_000
    times = [(f"k{step % 5}", base + step * 200) for step in range(300)]
    times += [("far", times[-1][1] + 3_600_000 * hours) for hours in (1, 5, 48)]
    return _odd_events(query, times)


def _odd_events(query: Query, times: list[tuple[str, int]]) -> list[Event]:
    return [
        {
            "id": number,
            "check": number * 7919 % 2**31,
            "name": key,
            "time": at,
            "kind": number % 3,
            "item": number if query.deduplicate else number % 5,
            "amount": number * 31 % 1000,
        }
        for number, (key, at) in enumerate(times)
    ]


def broken(query: Query, key: str, at: int) -> list[tuple[str, bytes]]:
    """Records that are no events of the query, with the key that they have in the log."""
    good = b'"name":"%s","time":%d,"kind":1,"item":1' % (key.encode(), at)
    values = (
        b"",
        b"no json",
        b"[1,2]",
        b"{" + good + b"}",  # no id, no check, no amount
        b'{"id":1,"check":1,"amount":null,' + good + b"}",
        b'{"id":1,"check":1,"amount":"seven",' + good + b"}",
        b'{"id":1,"check":1,"amount":{"a":1},' + good + b"}",
        b'{"id":1,"check":1,"amount":7,' + good.replace(b'"kind":1', b'"kind":"x"') + b"}",
        b'{"id":1,"check":1,"amount":7,"name":null,"time":%d,"kind":1,"item":1}' % at,
        b'{"id":1,"check":1,"amount":7,' + good,  # cut off
    )
    return [(key, value) for value in values]
