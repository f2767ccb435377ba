"""Sensor readings as log records, for the tests of the built-in operators."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from engines.logs.embedded import pack
from engines.runtime.connector import Slice
from workloads.query import Aggregate, Column, Query, Tumbling, Windowed

QUERY = Query(
    columns=(
        Column("id", "integer"),
        Column("check", "integer"),
        Column("sensor", "text"),
        Column("time", "integer"),
        Column("temperature", "integer"),
    ),
    time="time",
    key="sensor",
    shape=Windowed(
        Tumbling(1000),
        (
            Aggregate("sum", "sum", "temperature"),
            Aggregate("min", "min", "temperature"),
            Aggregate("max", "max", "temperature"),
        ),
    ),
    watermark_delay_ms=300,
)
LARGEST = 2**53 - 1


def event(number: int, key: str, at: int, temperature: int = 5) -> bytes:
    fields = {"id": number, "check": number * 7 % 2**31, "sensor": key, "time": at, "temperature": temperature}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def stream(count: int, seed: int, keys: int = 20, step_ms: int = 7, disorder_ms: int = 600) -> list[bytes]:
    """Events out of order by up to twice the watermark's delay, so that some are late; then one far ahead."""
    rng = random.Random(seed)
    made = [
        event(i, f"key-{rng.randrange(keys)}", 50_000 + i * step_ms - rng.randrange(disorder_ms), rng.randrange(10_000))
        for i in range(count)
    ]
    return [*made, event(count, "~close", 50_000 + count * step_ms + 60_000)]


def part(records: Sequence[bytes]) -> Slice:
    layout, body = pack(records)
    return Slice(0, 0, len(records), layout, body)
