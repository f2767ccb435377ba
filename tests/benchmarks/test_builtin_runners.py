"""Events per CPU-second of the built-in engines: warm, as processes, exactly-once, drained from a backlog.

CPU of every process of the engine counts, from just before the backlog's commit until the last row is visible. The
reading beside it, JSON decoding alone in this process at the same time, tells how busy the machine was: figures of two
runs compare as multiples of it.
"""

from __future__ import annotations

import importlib
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from engines.logs import connect
from engines.logs.protocol import Log, Reader, Writer
from engines.protocol import Engine, Job, LogKind, Running, Site, Topic
from engines.runtime.events import event_type
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.load import Encoder
from harness.provisioning.progress import Lines
from workloads import sensors
from workloads.stream import CONTROL_IDS, Segment

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
WARM_UP = 100_000
EVENTS: dict[LogKind, int] = {"embedded": 1_000_000, "kafka": 600_000}
BLOCK = 20_000
RATE = 5_000.0
BASE_MS = 1_795_500_000_000
PARAMETERS = sensors.workload.defaults | {"window_ms": 1_000}
QUERY = sensors.workload.query(PARAMETERS)
ROUNDS = 3
WAIT_S = 120.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    java, jars = prepare_broker(Lines())
    folder = tmp_path_factory.mktemp("broker")
    node = Broker(folder / "node", folder / "logs", java.home, jars)
    node.start()
    yield node.engine_address
    node.stop()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.java)])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Job:
    kind: LogKind = request.param
    location = str(tmp_path / "log") if kind == "embedded" else request.getfixturevalue("broker")
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics = [Topic(kind, location, f"{name}-{side}", PARTITIONS) for side in ("in", "out")]
    log = connect(location, kind)
    for topic in topics:
        log.create(topic.name, PARTITIONS)
    log.close()
    return Job(name, QUERY, topics[0], topics[1], "exactly-once", "default", 2, 1_000, 1_024, tmp_path / "job")


class Backlog:
    """Writes backlogs of one stream, and tells when all its rows are out."""

    def __init__(self, log: Log, job: Job) -> None:
        self._writer: Writer = log.writer(job.input.name, f"{job.name}-load", linger_ms=50)
        self._reader: Reader = log.reader(job.output.name, PARTITIONS)
        self._encoder = Encoder(QUERY, PARTITIONS)
        self._first, self._base_ms, self._round = 0, BASE_MS, 0

    def write(self, count: int) -> None:
        segment = Segment(self._first, count, self._base_ms, RATE)
        self._writer.begin()
        for start in range(self._first, self._first + count, BLOCK):
            ids = np.arange(start, min(start + BLOCK, self._first + count))
            for share in self._encoder.shares(sensors.workload.events(PARAMETERS, 1, segment, ids)):
                self._writer.write(share.partition, share.keys, share.values)
        self._first += count
        self._base_ms += segment.duration_ms + 600_000
        for partition in range(PARTITIONS):
            for number in range(2):
                key = f"~close-{partition}-{self._round}-{number}"
                at = self._base_ms + number * 60_000
                key_bytes, value = self._encoder.control(key, CONTROL_IDS + partition, at)
                self._writer.write(partition, [key_bytes], [value])
        self._base_ms += 600_000

    def drain(self, running: Running) -> int:
        """Commit and wait until every partition answered its closing event; the number of rows."""
        self._writer.commit(WAIT_S)
        mark = b'"~close-%%d-%d-0"' % self._round
        waiting = {mark % partition for partition in range(PARTITIONS)}
        self._round += 1
        rows, deadline = 0, time.monotonic() + WAIT_S
        while waiting:
            assert running.failure() is None, running.failure()
            assert time.monotonic() < deadline, f"no answer to {waiting}"
            for chunk in self._reader.poll(0.5):
                rows += len(chunk.values)
                waiting = {key for key in waiting if not any(key in value for value in chunk.values)}
        return rows

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


def cpu_s(running: Running) -> float:
    used = [psutil.Process(pid).cpu_times() for pids in running.processes().values() for pid in pids]
    return sum(one.user + one.system for one in used)


def decoding_ns() -> float:
    """CPU nanoseconds an event for msgspec to decode a thousand sensors events, the quickest of many times."""
    decoder = msgspec.json.Decoder(event_type(QUERY))
    events = sensors.workload.events(PARAMETERS, 1, Segment(0, 1_000, BASE_MS, RATE), np.arange(1_000))
    body = b"\n".join(Encoder(QUERY, 1).rows(events).values)
    times = []
    for _ in range(100):
        began = time.thread_time()
        decoder.decode_lines(body)
        times.append(time.thread_time() - began)
    return min(times) * 1e6


@pytest.mark.parametrize("name", ["continuous", "micro_batch"])
def test_events_per_cpu_second(benchmark, name: str, job: Job, tmp_path: Path):
    engine: Engine = importlib.import_module(f"engines.{name}").engine
    for folder in ("cluster", "logs", "cache"):
        (tmp_path / folder).mkdir()
    site = Site(tmp_path / "cluster", tmp_path / "logs", tmp_path / "cache", Path(sys.executable), ROOT)
    count = EVENTS[job.input.log]
    cluster = engine.open(site)
    running = cluster.submit(job)
    running.wait_ready(WAIT_S)
    backlog = Backlog(connect(job.input.location, job.input.log), job)
    backlog.write(WARM_UP)
    backlog.drain(running)
    rates, rows = [], []

    def once() -> None:
        backlog.write(count)
        before = cpu_s(running)
        rows.append(backlog.drain(running) / count)
        rates.append(count / (cpu_s(running) - before))

    benchmark.pedantic(once, rounds=ROUNDS)
    backlog.close()
    cluster.close()
    assert min(rows) > 0.1
    benchmark.extra_info |= {
        "events per CPU-second": [round(rate) for rate in rates],
        "rows an event": round(rows[-1], 3),
        "JSON decoding alone, ns an event": round(decoding_ns()),
    }
    print(engine.name, job.input.log, benchmark.extra_info)  # noqa: T201
