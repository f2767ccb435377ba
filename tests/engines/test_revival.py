"""Workers of the consumer-group engines, killed on a broker and started again: every row is still right, and once."""

from __future__ import annotations

import importlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cars
import pytest
from cars import PARTITIONS, Stream, job_on

from engines.logs import connect
from engines.logs.protocol import Log, Reader
from engines.protocol import Engine, Job, RunningJob, Site
from tests.waiting import wait_until

WAIT_S = 120.0
ROUND_S = 1.2
"""Kafka Streams looks for closed windows once a second at most, and only as a record comes."""


def canonical(row: str | bytes) -> str:
    return json.dumps(json.loads(row), sort_keys=True)


class Answers:
    """The rows of an output topic, with how often, and the closing keys that were answered."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.rows: Counter[str] = Counter()
        self.closed: set[str] = set()

    def read(self, timeout_s: float) -> None:
        for value in (value for chunk in self._reader.poll(timeout_s) for value in chunk.values):
            key = json.loads(value)["key"]
            if key.startswith("~"):
                self.closed.add(key)
            else:
                self.rows[canonical(value)] += 1


def job_of(name: str, engine: Engine, log: Log, broker: str, directory: Path) -> Job:
    """A job over fresh topics."""
    directory.mkdir()
    topics = (f"revived-{name}-in", f"revived-{name}-out")
    for topic in topics:
        log.create(topic, PARTITIONS)
    return replace(
        job_on("kafka", broker, directory, f"revived-{name}", topics),
        mode=next(iter(engine.modes)),
        interval_ms=500,
        timeouts="tuned",
        memory_mb=1024,
    )


def kill_and_revive(running: RunningJob) -> None:
    """The first worker is killed and started again; the other one stays."""
    before, state = running.processes()["worker"], running.progress().state
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: running.failure() is not None, WAIT_S, running.processes)
    assert len(running.revive()) == 1
    assert running.failure() is None
    running.wait_ready(WAIT_S)
    after = running.processes()["worker"]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]
    assert running.progress().state != state


def close(stream: Stream, log: Log, job: Job, running: RunningJob, answers: Answers) -> None:
    """Closing rounds until each partition's first one is answered."""
    deadline = time.monotonic() + WAIT_S
    while not {f"~close-{partition}-1-0" for partition in range(PARTITIONS)} <= answers.closed:
        assert running.failure() is None, running.failure()
        assert time.monotonic() < deadline, (answers.rows.total(), answers.closed, running.progress())
        stream.close(log, job.input.name)
        until = time.monotonic() + ROUND_S
        while (left := until - time.monotonic()) > 0:
            answers.read(left)


@pytest.mark.java
@pytest.mark.parametrize("name", ["kafka_client", "kafka_streams"])
def test_a_killed_worker_is_revived_and_every_row_is_there_once(
    name: str, broker: str, site: Callable[[Engine], Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # A broker deletes what is old by its event time, and Kafka Streams keeps that in its changelogs.
    monkeypatch.setattr(cars, "START_MS", int(time.time()) * 1000)
    engine: Engine = importlib.import_module(f"engines.{name}").engine
    log = connect(broker, "kafka")
    job = job_of(name, engine, log, broker, tmp_path / "job")
    stream, reader = Stream(), log.reader(job.output.name, PARTITIONS)
    answers = Answers(reader)
    cluster = engine.open(site(engine))
    try:
        running = cluster.submit(job)
        running.wait_ready(WAIT_S)
        assert len(running.processes()["worker"]) == 2
        stream.send(log, job.input.name, 2_000)
        wait_until(lambda: (running.progress().inputs or 0) >= 2_000, WAIT_S, running.progress)
        # A group may still be moving partitions when the first events are through: that is no revival's doing.
        whole = "2 of 2 workers answer for 3 partitions"
        wait_until(lambda: running.progress().state.startswith(whole), WAIT_S, running.progress)
        stream.send(log, job.input.name, 2_000)
        kill_and_revive(running)
        stream.send(log, job.input.name, 2_000)
        close(stream, log, job, running, answers)
        wait_until(lambda: (running.progress().inputs or 0) >= 6_000, WAIT_S, running.progress)
        running.stop()
        answers.read(1.0)
    finally:
        cluster.close()
        reader.close()
    assert answers.rows == Counter(map(canonical, stream.expected()))
