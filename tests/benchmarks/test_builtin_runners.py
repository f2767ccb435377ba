"""Events per CPU-second of the built-in engines: warm, as processes, exactly-once, drained from a backlog; and what
share of the tumbling windows' rate is left with sliding and session windows that give about as many rows an event.

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
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from engines.logs import connect
from engines.logs.protocol import Log, Reader, Writer
from engines.protocol import Engine, Job, LogKind, RunningJob, Site, Topic
from engines.runtime.events import event_type
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.instruments.encoder import Encoder
from harness.provisioning.progress import Lines
from workloads import sensors
from workloads.control import heartbeat
from workloads.query import Query, Session, Sliding, TimeWindow, Tumbling, Windowed
from workloads.stream import CONTROL_IDS, Segment

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
WARM_UP = 100_000
EVENTS = 600_000
BLOCK = 20_000
RATE = 5_000.0
BASE_MS = 1_795_500_000_000
PARAMETERS = sensors.workload.defaults | {"window_ms": 1_000}
QUERY = sensors.workload.query(PARAMETERS)
# Ten times as long as the others', at a tenth of the rate: a session's gap is longer than events are out of order.
SLOW_RATE = 500.0
WINDOWS: dict[str, TimeWindow] = {
    "tumbling": Tumbling(10_000),
    "sliding": Sliding(50_000, 12_500),
    "session": Session(3_300),
}
LEAST_SHARE = 0.8
ROUNDS = 3
WINDOW_ROUNDS = 8
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
    address = str(tmp_path / "log") if kind == "embedded" else request.getfixturevalue("broker")
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics = [Topic(kind, address, f"{name}-{side}", PARTITIONS) for side in ("in", "out")]
    log = connect(address, kind)
    for topic in topics:
        log.create(topic.name, PARTITIONS)
    log.close()
    return Job(name, QUERY, topics[0], topics[1], "exactly-once", "default", 2, 1_000, 1_024, tmp_path / "job")


def windowed(window: TimeWindow) -> Query:
    assert isinstance(QUERY.shape, Windowed)
    return replace(QUERY, shape=replace(QUERY.shape, window=window))


class Backlog:
    """Writes backlogs of one stream, and tells when all its rows are out."""

    def __init__(self, log: Log, job: Job, rate: float) -> None:
        """rate: events a second of event time."""
        self._rate = rate
        self._writer: Writer = log.writer(job.input.name, f"{job.name}-load", linger_ms=50)
        self._reader: Reader = log.reader(job.output.name, PARTITIONS)
        self._encoder = Encoder(QUERY, PARTITIONS)
        self._first, self._base_ms, self._round = 0, BASE_MS, 0

    def write(self, count: int) -> None:
        segment = Segment(self._first, count, self._base_ms, self._rate)
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
                key_bytes, value = self._encoder.control(key, CONTROL_IDS + partition, at, heartbeat(QUERY))
                self._writer.write(partition, [key_bytes], [value])
        self._base_ms += 600_000

    def drain(self, running: RunningJob) -> int:
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


def cpu_s(running: RunningJob) -> float:
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


class Drain:
    """A job of an engine that is warm, and what it does with one backlog after the other."""

    def __init__(self, engine: Engine, job: Job, folder: Path, rate: float = RATE) -> None:
        """folder: for the engine's files. rate: events a second of event time."""
        for name in ("cluster", "logs", "cache"):
            (folder / name).mkdir(parents=True)
        site = Site(folder / "cluster", folder / "logs", folder / "cache", Path(sys.executable), ROOT)
        self._cluster = engine.open(site)
        self._running = self._cluster.submit(job)
        self._running.wait_ready(WAIT_S)
        self._backlog = Backlog(connect(job.input.address, job.input.log), job, rate)
        self._backlog.write(WARM_UP)
        self._backlog.drain(self._running)
        self.rates: list[float] = []
        """Events per CPU-second of each round."""
        self.rows = 0.0
        """An event, in the last round."""

    def round(self) -> None:
        self._backlog.write(EVENTS)
        before = cpu_s(self._running)
        self.rows = self._backlog.drain(self._running) / EVENTS
        self.rates.append(EVENTS / (cpu_s(self._running) - before))

    def close(self) -> None:
        self._backlog.close()
        self._cluster.close()

    def info(self) -> dict[str, Any]:
        return {"events per CPU-second": [round(rate) for rate in self.rates], "rows an event": round(self.rows, 3)}


@pytest.mark.parametrize("name", ["continuous", "micro_batch"])
def test_events_per_cpu_second(benchmark, name: str, job: Job, tmp_path: Path):
    engine: Engine = importlib.import_module(f"engines.{name}").engine
    drain = Drain(engine, job, tmp_path)
    benchmark.pedantic(drain.round, rounds=ROUNDS)
    drain.close()
    assert drain.rows > 0.1
    benchmark.extra_info |= drain.info() | {"JSON decoding alone, ns an event": round(decoding_ns())}
    print(engine.name, job.input.log, benchmark.extra_info)  # noqa: T201


@pytest.mark.parametrize("job", ["embedded"], indirect=True)
@pytest.mark.parametrize("name", ["continuous", "micro_batch"])
def test_sliding_and_session_windows_lose_no_more_than_a_fifth(benchmark, name: str, job: Job, tmp_path: Path):
    engine: Engine = importlib.import_module(f"engines.{name}").engine
    log, drains = connect(job.input.address, job.input.log), {}
    for kind, window in WINDOWS.items():
        topics = [replace(job.input, name=f"{kind}-{side}") for side in ("in", "out")]
        for topic in topics:
            log.create(topic.name, PARTITIONS)
        mine = replace(job, name=kind, input=topics[0], output=topics[1], directory=tmp_path / kind / "job")
        drains[kind] = Drain(engine, replace(mine, query=windowed(window)), tmp_path / kind, SLOW_RATE)
    log.close()

    def rounds() -> None:
        # One after the other, so that what disturbs the machine for a while disturbs all.
        for drain in drains.values():
            drain.round()

    benchmark.pedantic(rounds, rounds=WINDOW_ROUNDS)
    # The best of each: what disturbs a round makes it slower, never quicker.
    best = {kind: max(drain.rates) for kind, drain in drains.items()}
    for kind, drain in drains.items():
        drain.close()
        benchmark.extra_info[kind] = drain.info() | {"of tumbling's rate": round(best[kind] / best["tumbling"], 2)}
    print(engine.name, benchmark.extra_info)  # noqa: T201
    for drain in drains.values():
        assert 0.85 < drain.rows / drains["tumbling"].rows < 1.15, "the windows do not give equal output"
    assert min(best.values()) >= LEAST_SHARE * best["tumbling"]
