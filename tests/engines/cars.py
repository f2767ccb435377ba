"""A stream of car positions, what it adds up to, and what a job wrote: for the tests of the built-in runners."""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.logs.protocol import Log
from engines.protocol import Guarantee, Job, LogKind, Topic
from workloads.query import Aggregate, Column, Query, Tumbling, Windowed

ROOT = Path(__file__).parents[2]
PARTITIONS = 3
WINDOW_MS = 1_000
START_MS = 50_000
WAIT_S = 60.0

QUERY = Query(
    columns=(Column("id", "integer"), Column("check", "integer"), Column("car", "text"), Column("time", "integer")),
    time="time",
    key="car",
    shape=Windowed(Tumbling(WINDOW_MS), (Aggregate("latest", "max", "time"),)),
    watermark_delay_ms=200,
)
GUARANTEES: tuple[Guarantee, ...] = ("exactly-once", "at-least-once", "at-most-once")
ENGINES = ("continuous", "micro_batch")


def event(number: int, key: str, at: int) -> bytes:
    return b'{"id":%d,"check":%d,"car":"%s","time":%d}' % (number, number * 3, key.encode(), at)


def home(key: str) -> int:
    return zlib.crc32(key.encode()) % PARTITIONS


@dataclass
class Stream:
    """Events of 30 cars, ten a millisecond-step apart, and what they add up to."""

    sent: int = 0
    closes: int = 0

    def __post_init__(self) -> None:
        self.groups: dict[tuple[str, int], list[tuple[int, int]]] = {}

    def send(self, log: Log, topic: str, count: int, cut: int = 50) -> None:
        parts: dict[int, list[tuple[bytes, bytes]]] = {}
        for number in range(self.sent, self.sent + count):
            key, at = f"car-{number * 7 % 30}", START_MS + number * 10 - number % 3 * 60
            self.groups.setdefault((key, at // WINDOW_MS * WINDOW_MS), []).append((number, at))
            parts.setdefault(home(key), []).append((key.encode(), event(number, key, at)))
        self.sent += count
        self._write(log, topic, parts, cut)

    def close(self, log: Log, topic: str) -> None:
        """Events far ahead on every partition, so that all windows so far are due."""
        self.closes += 1
        self.sent += 5_000
        ahead = START_MS + self.sent * 10
        self._write(
            log,
            topic,
            {
                p: [(name.encode(), event(0, name, ahead + i * 5_000)) for i, name in enumerate(self._closers(p))]
                for p in range(PARTITIONS)
            },
            2,
        )
        self.sent += 5_000

    def _closers(self, partition: int) -> list[str]:
        return [f"~close-{partition}-{self.closes}-{number}" for number in range(2)]

    @staticmethod
    def _write(log: Log, topic: str, parts: dict[int, list[tuple[bytes, bytes]]], cut: int) -> None:
        writer = log.writer(topic)
        for partition, records in parts.items():
            for start in range(0, len(records), cut):
                keys, values = zip(*records[start : start + cut], strict=True)
                writer.write(partition, keys, values)
        writer.flush(30)
        writer.close()

    def expected(self) -> set[str]:
        return {
            json.dumps(
                {
                    "key": key,
                    "start": start,
                    "end": start + WINDOW_MS,
                    "latest": max(at for _, at in members),
                    "count": len(members),
                    "ids": sum(number for number, _ in members),
                    "checks": sum(number * 3 for number, _ in members),
                }
            )
            for (key, start), members in self.groups.items()
        }


class Output:
    """What the output topic holds: rows with how often, and which closing keys were answered."""

    def __init__(self, log: Log, topic: str) -> None:
        self._reader = log.reader(topic, PARTITIONS)
        self.rows: Counter[str] = Counter()
        self.closed: set[str] = set()

    def read(self, timeout_s: float = 0.0) -> None:
        while chunks := self._reader.poll(timeout_s):
            for chunk in chunks:
                for value in chunk.values:
                    row: dict[str, Any] = json.loads(value)
                    if row["key"].startswith("~"):
                        self.closed.add(row["key"])
                    else:
                        assert home(row["key"]) == chunk.partition
                        self.rows[json.dumps(row)] += 1

    def wait(self, enough: Callable[[], bool], running: Any) -> None:
        deadline = time.monotonic() + WAIT_S
        while not enough():
            assert running.failure() is None, running.failure()
            assert time.monotonic() < deadline, f"{self.rows.total()} rows, closed: {self.closed}"
            self.read(0.2)

    def closing(self, number: int) -> bool:
        return {f"~close-{p}-{number}-0" for p in range(PARTITIONS)} <= self.closed

    def close(self) -> None:
        self._reader.close()


def job_on(
    kind: LogKind, address: str, directory: Path, name: str = "job", topics: tuple[str, str] = ("in", "out")
) -> Job:
    return Job(
        name=name,
        query=QUERY,
        input=Topic(kind, address, topics[0], PARTITIONS),
        output=Topic(kind, address, topics[1], PARTITIONS),
        guarantee="exactly-once",
        mode="default",
        parallelism=2,
        interval_ms=100,
        memory_mb=512,
        directory=directory,
    )
