"""A broker, sites and a short sensors run for the tests that start real engines."""

from __future__ import annotations

import json
import time
import uuid
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from engines.protocol import Claim, Engine, Guarantee, Job, Role, RunningJob, Site, Topic
from harness.doctor import prepare
from harness.problem import Problem
from harness.provisioning.progress import Lines
from workloads import sensors
from workloads.query import Query
from workloads.stream import CONTROL, CONTROL_IDS, Segment, checks

PARTITIONS = 4
EVENTS = 20_000
RATE = 5_000.0
WINDOW_MS = 1_000
READY_S = 240.0
ROWS_S = 240.0


@pytest.fixture
def site(tmp_path: Path) -> Callable[[Engine], Site]:
    """A fresh site for an engine: its interpreter and its jars (brought if need be), and empty folders."""

    def make(engine: Engine) -> Site:
        tools = prepare([engine], own_broker=False, report=Lines())[engine.name]
        if isinstance(tools, Problem):
            raise tools
        folder = tmp_path / uuid.uuid4().hex[:6]
        for name in ("cluster", "logs", "cache"):
            (folder / name).mkdir(parents=True)
        return Site(
            directory=folder / "cluster",
            logs=folder / "logs",
            cache=folder / "cache",
            python=tools.python,
            root=tools.root,
            java_home=tools.java_home,
            jars=tools.jars,
        )

    return make


@dataclass(frozen=True)
class Answer:
    """What an engine wrote in a short run, and what it should have written: rows as canonical JSON, with how often."""

    rows: Counter[str]
    expected: Counter[str]
    row_keys: set[tuple[bytes | None, str]]
    """(record key, row key) of every output record."""
    processes: dict[Role, list[int]]
    """Pids by role while it ran."""
    settings: dict[str, str]
    claim: Claim


def canonical(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


def events(query: Query, segment: Segment) -> list[dict[str, Any]]:
    """The segment's sensors events as JSON objects, in planned order."""
    parameters = sensors.workload.defaults | {"window_ms": query.shape.window.size_ms}
    made = sensors.workload.events(parameters, 7, segment, np.arange(segment.first, segment.first + segment.count))
    columns = [made.ids, made.checks, made.keys, made.times, made.values["temperature"]]
    return [
        {"id": i, "check": check, "sensor": made.labels[key], "time": at, "temperature": temperature}
        for i, check, key, at, temperature in zip(*(column.tolist() for column in columns), strict=True)
    ]


def control(key: str, number: int, at: int) -> dict[str, Any]:
    identity = CONTROL_IDS + number
    check = int(checks(np.array([identity]))[0])
    return {"id": identity, "check": check, "sensor": key, "time": at, "temperature": 0}


def expected_rows(sent: list[dict[str, Any]], window_ms: int) -> Counter[str]:
    """Every row that is due, worked out event by event."""
    windows: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for event in sent:
        windows[event["sensor"], event["time"] // window_ms * window_ms].append(event)
    return Counter(
        canonical(
            {
                "key": key,
                "start": start,
                "end": start + window_ms,
                "sum": sum(event["temperature"] for event in members),
                "min": min(event["temperature"] for event in members),
                "max": max(event["temperature"] for event in members),
                "count": len(members),
                "ids": sum(event["id"] for event in members),
                "checks": sum(event["check"] for event in members),
            }
        )
        for (key, start), members in windows.items()
    )


class Feed:
    """Sends events to one topic, each to its key's partition."""

    def __init__(self, broker: str, topic: str) -> None:
        settings = {"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 5}
        self.topic = topic
        self._plain = Producer(settings)
        self._transactional = Producer({**settings, "transactional.id": f"{topic}-feed"})
        self._transactional.init_transactions(30)

    def send(self, batch: list[dict[str, Any]], partition: int | None = None) -> None:
        self._write(self._plain, batch, partition)
        assert self._plain.flush(30) == 0

    def send_in_transaction(self, batch: list[dict[str, Any]]) -> None:
        self._transactional.begin_transaction()
        self._write(self._transactional, batch, None)
        self._transactional.commit_transaction(30)

    def _write(self, producer: Producer, batch: list[dict[str, Any]], partition: int | None) -> None:
        for event in batch:
            key = event["sensor"].encode()
            home = zlib.crc32(key) % PARTITIONS if partition is None else partition
            producer.produce(self.topic, json.dumps(event), key, home)


def run_sensors(engine: Engine, running: RunningJob, job: Job) -> Answer:
    """Feed the running job 20,000 sensor readings, a part of them in transactions, close, and read what it answers."""
    window_ms = job.query.shape.window.size_ms
    base_ms = int(time.time() * 1000) // window_ms * window_ms
    sent = events(job.query, Segment(0, EVENTS, base_ms, RATE))
    feed = Feed(job.input.address, job.input.name)
    output = Output(job)
    send_readings(feed, sent, base_ms)
    read_to_the_end(feed, output, base_ms, running)
    output.close()
    processes = {role: list(pids) for role, pids in running.processes().items()}
    alive = [pid for pids in processes.values() for pid in pids]
    assert alive
    assert all(psutil.pid_exists(pid) for pid in alive), processes
    return Answer(
        rows=output.rows,
        expected=expected_rows(sent, window_ms),
        row_keys=output.keys,
        processes=processes,
        settings=dict(running.settings),
        claim=engine.claim(job.guarantee, job.mode),
    )


def send_readings(feed: Feed, sent: list[dict[str, Any]], base_ms: int) -> None:
    """Half a second's readings at a time, each fourth time in a transaction, with heartbeats in between."""
    step = int(RATE / 2)
    for number, start in enumerate(range(0, len(sent), step)):
        send = feed.send if number % 4 else feed.send_in_transaction
        send(sent[start : start + step])
        for partition in range(PARTITIONS):
            at = base_ms + number * 500
            feed.send([control(f"{CONTROL}heartbeat-{partition}", number * PARTITIONS + partition, at)], partition)


class Output:
    """What a job wrote: rows as canonical JSON with how often, (record key, row key) of every record, and the closing
    keys of the first round that are answered.
    """

    def __init__(self, job: Job) -> None:
        self.interval_s = job.interval_ms / 1000
        self.rows: Counter[str] = Counter()
        self.keys: set[tuple[bytes | None, str]] = set()
        self.closed: set[str] = set()
        self._reader = Consumer(
            {
                "bootstrap.servers": job.input.address,
                "group.id": f"{job.name}-reader",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self._reader.subscribe([job.output.name])

    def read(self) -> None:
        for message in self._reader.consume(1000, 0.2):
            assert message.error() is None, message.error()
            row = json.loads(message.value())
            self.keys.add((message.key(), row["key"]))
            if row["key"].startswith(CONTROL):
                if row["key"].endswith("-0") and row["key"].startswith(f"{CONTROL}close-"):
                    self.closed.add(row["key"])
                continue
            self.rows[canonical(row)] += 1

    def close(self) -> None:
        self._reader.close()


def read_to_the_end(feed: Feed, output: Output, base_ms: int, running: RunningJob) -> None:
    """Closing rounds until each partition's first one is answered, and two commit intervals more."""
    first_close_ms = base_ms + 300_000
    deadline = time.monotonic() + ROWS_S
    next_close = 0.0
    settled: float | None = None
    closing_round = 0
    while settled is None or time.monotonic() < settled:
        dead = running.failure()
        assert dead is None, dead
        assert time.monotonic() < deadline, (
            f"after {ROWS_S} s: {output.rows.total()} rows, closers answered: {sorted(output.closed)}"
        )
        if time.monotonic() >= next_close:
            for partition in range(PARTITIONS):
                number = 1_000_000 + closing_round * PARTITIONS + partition
                at = first_close_ms + closing_round * 10_000
                feed.send([control(f"{CONTROL}close-{partition}-{closing_round}", number, at)], partition)
            closing_round += 1
            next_close = time.monotonic() + 1.5
        output.read()
        if len(output.closed) == PARTITIONS and settled is None:
            settled = time.monotonic() + 2 * output.interval_s


def gone(pids: list[int]) -> bool:
    """Whether none of the processes runs any more (what only waits to be reaped does not run)."""
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


@pytest.fixture
def make_job(broker: str, tmp_path: Path) -> Callable[..., Job]:
    """A job over fresh topics of four partitions."""

    def make(engine: Engine, guarantee: Guarantee = "exactly-once", mode: str | None = None) -> Job:
        name = f"{engine.name}-{uuid.uuid4().hex[:8]}"
        admin = AdminClient({"bootstrap.servers": broker})
        topics = [NewTopic(f"{name}-{side}", PARTITIONS, 1) for side in ("input", "output")]
        for made in admin.create_topics(topics).values():
            made.result(30)
        directory = tmp_path / name
        directory.mkdir()
        return Job(
            name=name,
            query=sensors.workload.query(sensors.workload.defaults | {"window_ms": WINDOW_MS}),
            input=Topic("kafka", broker, f"{name}-input", PARTITIONS),
            output=Topic("kafka", broker, f"{name}-output", PARTITIONS),
            guarantee=guarantee,
            mode=mode or next(iter(engine.modes)),
            parallelism=2,
            interval_ms=1_000,
            memory_mb=1_024,
            directory=directory,
        )

    return make


@pytest.fixture
def answer(site: Callable[[Engine], Site], make_job: Callable[..., Job]) -> Iterator[Callable[..., Answer]]:
    """Run an engine once from open to close over a short sensors stream, and return what it did.

    Asserts on the way that its processes live while it runs and are gone once its cluster is closed.
    """
    with ExitStack() as stack:

        def run(engine: Engine, guarantee: Guarantee = "exactly-once", mode: str | None = None) -> Answer:
            job = make_job(engine, guarantee, mode)
            cluster = engine.open(site(engine))
            stack.callback(cluster.close)
            running = cluster.submit(job)
            stack.callback(running.stop)
            running.wait_ready(READY_S)
            result = run_sensors(engine, running, job)
            running.stop()
            cluster.close()
            left = [pid for pids in result.processes.values() for pid in pids]
            assert gone(left), f"still running after close: {result.processes}"
            return result

        yield run
