"""What loading costs: our generator, encoding included, beside Kafka's own ProducerPerformance; and its punctuality."""

from __future__ import annotations

import resource
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engines.logs import connect
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.instruments.channel import Instrument
from harness.instruments.sampler import Statistics
from harness.provisioning.progress import Lines
from results.history import SENDS
from workloads.stream import Segment

pytestmark = [pytest.mark.java, pytest.mark.timeout(900)]

EVENTS = 1_000_000
RECORD_BYTES = 94
"""The mean length of a sensors event."""

START_EVENTS = 200_000
"""ProducerPerformance runs with this many records more and less; the difference is free of the JVM's start."""

ROUNDS = 3
BASE_MS = 1_795_500_000_000


@dataclass(frozen=True)
class Node:
    address: str
    java: Path
    jars: tuple[Path, ...]

    def topic(self) -> str:
        name = f"load-{uuid.uuid4().hex[:8]}"
        log = connect(self.address, "kafka")
        log.create(name, 4)
        log.close()
        return name


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[Node]:
    java, jars = prepare_broker(Lines())
    folder = tmp_path_factory.mktemp("broker")
    broker = Broker(folder / "node", folder / "logs", java.partition, jars)
    broker.start()
    yield Node(broker.harness_address, java.partition / "bin" / "java", jars)
    broker.stop()


def generator(node: Node, folder: Path) -> Instrument:
    folder.mkdir()
    setup = {
        "log": "kafka",
        "address": node.address,
        "partitions": 4,
        "folder": str(folder),
        "topic": node.topic(),
        "transactional_id": uuid.uuid4().hex,
        "workload": "sensors",
        "parameters": {"keys": 1000, "zipf": 1.0, "window_ms": 1000, "disorder_ms": 500},
        "seed": 1,
    }
    load = Instrument("generator", "harness.instruments.generator", setup, folder / "generator.log")
    load.wait_ready()
    return load


def ours(node: Node, folder: Path) -> float:
    """CPU microseconds an event of a backlog, from drawing it to its acknowledgement."""
    load = generator(node, folder)
    statistics = Statistics(load.pid)
    before = statistics.cpu_and_rss()
    segment = {"first": 0, "count": EVENTS, "base_ms": BASE_MS, "rate": 5000.0}
    load.ask({"do": "backlog", "phase": "drain-1", "segment": segment}, 120)
    load.ask({"do": "commit"}, 60)
    after = statistics.cpu_and_rss()
    statistics.close()
    load.close()
    assert before is not None
    assert after is not None
    return (after[0] - before[0]) / EVENTS * 1e6


def theirs(node: Node, records: int) -> float:
    """CPU seconds of a whole ProducerPerformance process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [
            *(node.java, "-cp", ":".join(map(str, node.jars)), "org.apache.kafka.tools.ProducerPerformance"),
            *("--topic", node.topic(), "--num-records", str(records), "--record-size", str(RECORD_BYTES)),
            *("--throughput", "-1", "--bootstrap-server", node.address, "--command-property"),
            *("acks=all", "enable.idempotence=true", "linger.ms=50"),
        ],
        check=True,
        capture_output=True,
        timeout=240,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_loading_takes_at_most_0_6_of_the_cpu_that_producer_performance_takes(benchmark, node: Node, tmp_path: Path):
    rounds = []

    def once() -> None:
        small, large = theirs(node, START_EVENTS), theirs(node, START_EVENTS + EVENTS)
        mine = ours(node, tmp_path / str(len(rounds)))
        rounds.append((mine, (large - small) / EVENTS * 1e6, large / (START_EVENTS + EVENTS) * 1e6))

    benchmark.pedantic(once, rounds=ROUNDS)
    mine, theirs_more, theirs_whole = np.median(np.array(rounds), axis=0)
    benchmark.extra_info |= {
        "our CPU us an event": round(mine, 2),
        "ProducerPerformance's, JVM start excluded": round(theirs_more, 2),
        "ProducerPerformance's, JVM start included": round(theirs_whole, 2),
        "rounds": [[round(value, 2) for value in each] for each in rounds],
    }
    print(benchmark.extra_info)  # noqa: T201
    assert mine <= 0.6 * theirs_whole


def test_send_lag_at_20_000_events_a_second(benchmark, node: Node, tmp_path: Path):
    load = generator(node, tmp_path / "paced")
    segment = Segment(0, 200_000, BASE_MS, 20_000.0)
    start_ns = time.monotonic_ns() + 500_000_000
    command = {"do": "paced", "phase": "paced", "segment": vars(segment), "rate": 20_000.0, "start_ns": start_ns}
    benchmark.pedantic(lambda: load.ask(command, 120), rounds=1)
    load.close()
    lags = []
    for row in pq.read_table(tmp_path / "paced" / "sends", schema=SENDS).to_pylist():
        ids = np.arange(row["first_id"], row["first_id"] + row["count"])
        lags.append((row["sent_ns"] - start_ns - segment.offsets_ns(ids)) / 1e6)
    lag = np.concatenate(lags)
    quantiles = {f"p{q}": round(float(np.percentile(lag, q)), 2) for q in (50, 90, 99, 99.9, 100)}
    benchmark.extra_info["send lag, ms"] = quantiles
    print(quantiles)  # noqa: T201
    assert lag.min() >= 0
