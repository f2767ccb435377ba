"""The built-in engines as processes, on both logs: killed, restarted, rescaled, and never left behind."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cars import ENGINES, GUARANTEES, PARTITIONS, QUERY, ROOT, WAIT_S, Output, Stream, job_on

from engines.discovery import discover
from engines.logs import connect
from engines.logs.embedded import EmbeddedLog
from engines.logs.protocol import Log, LogFailure
from engines.proc import state
from engines.protocol import Engine, EngineFailure, Job, Observable, Revivable, Site
from engines.runtime.cluster import BuiltinEngine
from engines.runtime.connector import Checkpoint, Results, WorkerFailure
from engines.runtime.job_spec import JobSpec
from harness.faults.processes import kill
from tests.waiting import wait_until


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedLog:
    made = EmbeddedLog(tmp_path / "log")
    for name in ("in", "out"):
        made.create(name, PARTITIONS)
    return made


@pytest.fixture
def job(log: EmbeddedLog, tmp_path: Path) -> Job:
    return job_on("embedded", str(log.address), tmp_path / "job")


def engine_named(name: str) -> Engine:
    engine: Engine = importlib.import_module(f"engines.{name}").engine
    return engine


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for name in ("cluster", "logs", "cache"):
        (tmp_path / name).mkdir()
    return Site(tmp_path / "cluster", tmp_path / "logs", tmp_path / "cache", Path(sys.executable), ROOT)


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if state(pid) not in ("", "Z")]


def all_pids(running: Any) -> list[int]:
    return [pid for pids in running.processes().values() for pid in pids]


def check_kills_and_rescaling(engine: Engine, site: Site, job: Job, log: Log) -> None:
    """Kill each worker once while rows flow, then stop, go on with one worker, and compare every row."""
    stream, output = Stream(), Output(log, job.output.name)
    cluster = engine.open(site)
    try:
        running = cluster.submit(job)
        running.wait_ready(WAIT_S)
        assert len(running.processes()["worker"]) == 2
        for victim in range(2):
            rows = output.rows.total()
            stream.send(log, job.input.name, 2_000)
            output.wait(lambda rows=rows: output.rows.total() > rows, running)
            pids = running.processes()["worker"]
            # A process that is still dying is ready, as far as anybody can tell: so it is waited for.
            kill([pids[victim]])
            stream.send(log, job.input.name, 2_000)
            assert running.revive() == []
            running.wait_ready(WAIT_S)
            assert len(set(running.processes()["worker"]) - set(pids)) == 1
        stream.close(log, job.input.name)
        output.wait(lambda: output.closing(1), running)
        before = all_pids(running)
        running.stop()
        assert alive(before) == []
        running = cluster.submit(replace(job, parallelism=1))
        stream.send(log, job.input.name, 2_000)
        running.wait_ready(WAIT_S)
        assert len(running.processes()["worker"]) == 1
        stream.close(log, job.input.name)
        output.wait(lambda: output.closing(2), running)
        before = all_pids(running)
    finally:
        cluster.close()
    output.read(1.0)
    output.close()
    assert alive(before) == []
    assert output.rows == Counter(stream.expected())


@pytest.mark.parametrize("name", ENGINES)
def test_killed_workers_and_a_restart_with_fewer_lose_and_repeat_nothing(
    name: str, site: Site, job: Job, log: EmbeddedLog
):
    check_kills_and_rescaling(engine_named(name), site, job, log)


def test_workers_end_with_their_supervisor_and_the_harness_is_told(site: Site, job: Job):
    cluster = engine_named("continuous").open(site)
    running = cluster.submit(job)
    running.wait_ready(WAIT_S)
    assert running.failure() is None
    processes = running.processes()
    os.kill(processes["coordinator"][0], signal.SIGKILL)
    wait_until(lambda: alive(processes["worker"]) == [])
    failure = running.failure()
    assert failure is not None
    assert "SIGKILL while the job ran" in failure.what
    cluster.close()
    assert running.failure() is None


@pytest.mark.parametrize("name", ENGINES)
def test_a_supervisor_that_was_killed_is_revived_and_nothing_is_lost_or_repeated(
    name: str, site: Site, job: Job, log: EmbeddedLog
):
    stream, output = Stream(), Output(log, job.output.name)
    cluster = engine_named(name).open(site)
    try:
        running = cluster.submit(job)
        assert isinstance(running, Observable)
        assert isinstance(running, Revivable)
        running.wait_ready(WAIT_S)
        assert running.revive() == []
        stream.send(log, job.input.name, 2_000)
        wait_until(lambda: running.progress().inputs == 2_000)
        assert running.progress().commits == 2_000
        before, state = running.processes(), running.progress().state
        assert state == f"2 of 2 workers run: {' '.join(map(str, before['worker']))}"
        # One of them cannot notice that its supervisor is gone, and would go on later.
        os.kill(before["worker"][0], signal.SIGSTOP)
        os.kill(before["coordinator"][0], signal.SIGKILL)
        wait_until(lambda: running.failure() is not None)
        assert running.progress().state == state, "nobody noticed yet"
        stream.send(log, job.input.name, 2_000)
        assert len(running.revive()) == 1
        assert running.failure() is None
        assert alive([*before["coordinator"], *before["worker"]]) == []
        running.wait_ready(WAIT_S)
        assert not set(all_pids(running)) & {pid for pids in before.values() for pid in pids}
        stream.close(log, job.input.name)
        output.wait(lambda: output.closing(1), running)
        wait_until(lambda: running.progress().inputs == 4_000 + 2 * PARTITIONS)
        running.stop()
        assert running.progress().inputs == 4_000 + 2 * PARTITIONS
        with pytest.raises(EngineFailure, match="stopped"):
            running.revive()
    finally:
        cluster.close()
    output.read(1.0)
    output.close()
    assert output.rows == Counter(stream.expected())


def test_everything_ends_with_the_process_that_submitted_the_job(site: Site, job: Job, tmp_path: Path):
    job.directory.mkdir()
    JobSpec(job, "engines.micro_batch.worker", site.python, site.logs).save()
    script = (
        "import json, sys; from pathlib import Path\n"
        "from engines.micro_batch import engine; from engines.protocol import Site\n"
        "from engines.runtime.job_spec import JobSpec\n"
        "folder = Path(sys.argv[1]); job = JobSpec.load(folder / 'job' / 'job.json').job\n"
        "site = Site(folder / 'cluster', folder / 'logs', folder / 'cache', Path(sys.executable), Path.cwd())\n"
        "running = engine.open(site).submit(job); running.wait_ready(60)\n"
        "print(json.dumps(running.processes()), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pids = [pid for some in json.loads(parent.stdout.readline()).values() for pid in some]
        assert len(alive(pids)) == 3
        parent.kill()
        wait_until(lambda: alive(pids) == [])


def test_a_job_that_cannot_start_says_why(site: Site, job: Job):
    cluster = engine_named("micro_batch").open(site)
    running = cluster.submit(replace(job, input=replace(job.input, name="nothing")))
    with pytest.raises(EngineFailure, match="topic nothing does not exist") as caught:
        running.wait_ready(WAIT_S)
    assert caught.value.where.endswith("job-supervisor.log")
    cluster.close()


def test_both_engines_are_found_and_a_copy_is_called_after_its_folder():
    found = discover()
    for name in ("continuous", "micro-batch"):
        engine = found[name]
        assert isinstance(engine, BuiltinEngine)
        assert engine.logs == ("kafka", "embedded")
        for guarantee in GUARANTEES:
            assert engine.support(QUERY, guarantee, "default").kind == "native"
            assert engine.claim(guarantee, "default").delivery == guarantee
        assert engine.support(QUERY, "exactly-once", "other").kind == "unsupported"
    assert "runtime" not in found
    assert BuiltinEngine("engines.my_copy", "about", "none").name == "my-copy"


# On a broker.


@pytest.fixture
def kafka_job(broker: str, tmp_path: Path) -> Job:
    log = connect(broker, "kafka")
    name = f"builtin-{tmp_path.name}"
    for side in ("in", "out"):
        log.create(f"{name}-{side}", PARTITIONS)
    log.close()
    return job_on("kafka", broker, tmp_path / "job", name, (f"{name}-in", f"{name}-out"))


@pytest.mark.java
@pytest.mark.parametrize("name", ENGINES)
def test_on_kafka_killed_workers_and_a_restart_with_fewer_lose_and_repeat_nothing(
    name: str, site: Site, kafka_job: Job
):
    log = connect(kafka_job.input.address, "kafka")
    check_kills_and_rescaling(engine_named(name), site, kafka_job, log)
    snapshots = list((kafka_job.directory / "snapshots").iterdir())
    assert len(snapshots) == PARTITIONS, "old snapshots were not removed"


@pytest.mark.java
def test_on_kafka_a_worker_that_was_replaced_cannot_commit(kafka_job: Job):
    from engines.runtime.kafka import KafkaConnector

    first = KafkaConnector(kafka_job, 0)
    first.recover([0])
    first.write([Results(0, [b"k"], b"zombie")])
    second = KafkaConnector(kafka_job, 0)
    assert second.recover([0])[0] == Checkpoint(0, 0, None)
    second.write([Results(0, [b"k"], b"rightful")])
    second.commit([Checkpoint(0, 5, b"state")])
    with pytest.raises(LogFailure, match="fenced"):
        first.commit([Checkpoint(0, 10, b"zombie")])
    third = KafkaConnector(kafka_job, 0)
    assert third.recover([0])[0] == Checkpoint(0, 5, b"state")
    for connector in (first, second, third):
        connector.close()
    reader = connect(kafka_job.output.address, "kafka").reader(kafka_job.output.name, PARTITIONS)
    assert [value for chunk in reader.poll(20) for value in chunk.values] == [b"rightful"]
    reader.close()


def test_on_kafka_a_commit_that_does_not_return_ends_the_worker():
    stuck = (
        "import threading\n"
        "from engines.runtime.kafka import ends_within\n"
        "with ends_within(60, 'what is done in time'): pass\n"
        "with ends_within(0.1, 'committing'): threading.Event().wait()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", stuck], cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert ended.returncode == 1
    assert "committing took longer than 0.1 s" in ended.stderr


@pytest.mark.java
def test_on_kafka_a_damaged_snapshot_is_refused(kafka_job: Job):
    from engines.runtime.kafka import KafkaConnector

    connector = KafkaConnector(kafka_job, 0)
    connector.recover([0])
    connector.commit([Checkpoint(0, 1, b"state")])
    connector.close()
    (snapshot,) = (kafka_job.directory / "snapshots").iterdir()
    snapshot.write_bytes(b"\0" * 9)
    again = KafkaConnector(kafka_job, 0)
    with pytest.raises(WorkerFailure, match="damaged"):
        again.recover([0])
    again.close()
