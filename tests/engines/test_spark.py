"""Spark as an engine: what it says of itself, how it fails, and a whole run.

Longer than most: its parts are one engine's, and share one real cluster.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from engines.configuration import values
from engines.logs import connect
from engines.process import Process
from engines.protocol import Cluster, EngineFailure, Job, Site, Topic
from engines.spark import engine, settings
from engines.spark.cluster import describe, environment
from engines.spark.running import SparkJob
from engines.spark.session import members
from engines.spark.status import Status
from harness.doctor import prepare
from harness.problem import Problem
from harness.provisioning.progress import Lines
from tests.conformance.examples import EXAMPLES
from tests.waiting import wait_until
from workloads import sensors
from workloads.query import Query

QUERY = sensors.workload.query(sensors.workload.defaults)
LIMIT_S = 180.0
"""A first batch compiles what it runs, which takes long where the machine is busy."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    topic = Topic("kafka", "127.0.0.1:9092", "readings", 4)
    return Job("job-1", QUERY, topic, topic, "exactly-once", "micro-batch", 3, 750, 1024, tmp_path)


@pytest.fixture
def bare_site(tmp_path: Path) -> Site:
    jars = {"spark-kafka": (tmp_path / "a.jar", tmp_path / "b.jar")}
    return Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, tmp_path, jars)


def test_delivery_is_claimed_to_be_exactly_once_by_the_transactional_sink_only():
    assert {mode: engine.claim("exactly-once", mode).delivery for mode in engine.modes} == {
        "micro-batch": "at-least-once",
        "heap-state": "at-least-once",
        "exactly-once-sink": "exactly-once",
    }
    assert engine.support(QUERY, "at-least-once", "exactly-once-sink").kind == "unsupported"
    claim = engine.claim("exactly-once", "micro-batch")
    assert (claim.processing, claim.delivery) == ("exactly-once", "at-least-once")
    assert "sink" in claim.note


def test_at_most_once_and_unknown_modes_are_unsupported():
    assert engine.support(QUERY, "at-most-once", "micro-batch").kind == "unsupported"
    assert engine.support(QUERY, "exactly-once", "real-time-ish").detail == (
        "no mode real-time-ish; there are micro-batch, heap-state, exactly-once-sink"
    )


@pytest.mark.parametrize(
    ("example", "kind", "word"),
    [
        ("tumbling", "native", ""),
        ("session", "native", ""),
        ("join", "native", ""),
        ("deduplicate", "native", ""),
        ("project", "native", ""),
        ("tumbling-distinct", "emulated", "set"),
        ("sliding-top", "emulated", "chain"),
        ("count", "emulated", "transformWithState"),
        ("machine", "emulated", "transformWithState"),
        ("deduplicate-running", "emulated", "transformWithState"),
    ],
)
def test_what_spark_has_no_operator_for_is_called_emulated_and_how(example, kind, word):
    support = engine.support(EXAMPLES[example], "exactly-once", "micro-batch")
    assert (support.kind, word in support.detail) == (kind, True)


def test_shapes_in_order_need_the_state_in_rocksdb():
    kinds = {name: engine.support(query, "exactly-once", "heap-state").kind for name, query in EXAMPLES.items()}
    assert {name for name, kind in kinds.items() if kind == "unsupported"} == {
        name for name, query in EXAMPLES.items() if query.ordered
    }


def test_only_a_mode_with_rocksdb_sets_a_state_store(job):
    provider = "spark.sql.streaming.stateStore.providerClass"
    assert "RocksDB" in settings.session(job)[provider].value
    assert provider not in settings.session(replace(job, mode="heap-state"))


def test_modes_that_need_no_settings_of_their_own_share_a_driver(job):
    assert settings.session(job) == settings.session(replace(job, mode="exactly-once-sink"))
    assert settings.reported(job) != settings.reported(replace(job, mode="exactly-once-sink"))


def test_tuned_time_outs_are_looked_at_more_often_than_they_last(job):
    waits = ("spark.executor.heartbeatInterval", "spark.network.timeoutInterval", "spark.network.timeout")
    assert not set(waits) & settings.session(job).keys()
    tuned = values(settings.session(replace(job, timeouts="tuned")))
    beat, look, silence = (int(tuned[name].removesuffix("s")) for name in waits)
    assert beat <= look < silence


def test_a_status_adds_up_and_keeps_its_counts_when_the_phase_changes(tmp_path):
    assert Status.read(tmp_path) == Status("starting")
    status = Status("starting").counted(2, 0).now("ready").counted(1, 5)
    status.write(tmp_path)
    assert Status.read(tmp_path) == Status("ready", "", 3, 5)
    assert status.now("failed", "why").ended
    assert not status.ended


def test_a_job_sets_parallelism_interval_and_memory_by_sparks_names(job):
    reported = values(settings.reported(job))
    assert reported["spark.master"] == "local-cluster[3,1,1024]"
    assert reported["spark.executor.memory"] == "640m"
    assert reported["spark.sql.shuffle.partitions"] == "3"
    assert reported["trigger"] == "processingTime=750 milliseconds"
    assert reported["kafka.isolation.level"] == "read_committed"


def test_reported_settings_name_no_place(job, bare_site):
    assert not [
        value
        for value in values(settings.reported(job)).values()
        if "127.0.0.1" in value or str(job.directory) in value
    ]
    told = describe(job)
    assert told["source"].items() >= values(settings.source(job)).items()
    assert Query.from_json(told["query"]) == QUERY


def test_everything_the_driver_starts_is_bound_to_loopback(job, bare_site):
    place = settings.place(job.name, bare_site.jars["spark-kafka"], job.directory)
    assert place["spark.driver.host"] == place["spark.driver.bindAddress"] == "127.0.0.1"
    assert environment(bare_site, Path("/home"), Path("/conf"))["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_an_existing_cluster_is_refused_with_a_remedy(bare_site):
    with pytest.raises(EngineFailure, match=r"spark cannot use the cluster at 10\.0\.0\.1:7077") as caught:
        engine.open(replace(bare_site, address="10.0.0.1:7077"))
    assert "leave the address out" in caught.value.remedy


def test_an_environment_without_pyspark_is_named(bare_site):
    with pytest.raises(EngineFailure, match=f"{bare_site.python} has no pyspark"):
        engine.open(bare_site)


def test_processes_of_a_session_are_found_after_their_parent_died(tmp_path):
    script = "sleep 60 & echo $!; exec sleep 61"
    shell = Process(
        "shell", ["sh", "-c", f"(sh -c '{script}' & echo $! > middle) ; sleep 62"], tmp_path / "log", cwd=tmp_path
    )
    try:
        orphan = int(shell.wait_for_line(r"^(\d+)$", 10, "at start")[1])
        found = members(shell.pid)
        assert found[orphan].split() == ["sleep", "60"]
        subprocess.run(["kill", "-9", (tmp_path / "middle").read_text().strip()], check=True)
        assert orphan in members(shell.pid)
    finally:
        shell.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    tools = prepare([engine], own_broker=False, report=Lines())[engine.name]
    assert not isinstance(tools, Problem), tools
    folder = tmp_path_factory.mktemp("spark")
    places = {name: folder / name for name in ("cluster", "logs", "cache")}
    for place in places.values():
        place.mkdir()
    opened = engine.open(
        Site(*places.values(), python=tools.python, root=tools.root, java_home=tools.java_home, jars=tools.jars)
    )
    yield opened
    opened.close()


@pytest.fixture
def start(cluster: Cluster, make_job: Callable[..., Job]) -> Iterator[Callable[..., tuple[Job, SparkJob]]]:
    """Submits a job for an example's query and waits until it is ready; stops it in the end."""
    started: list[SparkJob] = []

    def submit(example: str = "tumbling", mode: str = "micro-batch", again: Job | None = None) -> tuple[Job, SparkJob]:
        job = again or replace(make_job(engine, mode=mode), query=EXAMPLES[example])
        running = cluster.submit(job)
        started.append(running)
        running.wait_ready(400)
        return job, running

    yield submit
    for running in started:
        running.stop()


def event(number: int, **columns: object) -> dict[str, object]:
    return {"id": number, "check": 1, "name": "k", "time": 1_000_000, "kind": 0, "item": 0, "amount": 1} | columns


def send(job: Job, *values: Mapping[str, object] | bytes | None, key: str = "k") -> None:
    producer = Producer({"bootstrap.servers": job.input.address})
    for value in values:
        producer.produce(job.input.name, json.dumps(value) if isinstance(value, Mapping) else value, key, 0)
    assert producer.flush(30) == 0


def alive(running: SparkJob) -> set[int]:
    return {pid for pids in running.processes().values() for pid in pids}


@pytest.mark.java
def test_records_that_are_no_events_are_skipped_and_counted(start):
    job, running = start("project")
    good = json.dumps(event(1, amount=500)).encode()
    broken = [
        None,
        b"",
        b"no json",
        b"[1]",
        b"[" + good + b"]",
        good[:-1],
        good.replace(b'"', b"'"),
        {"id": 1},
        *(event(1, amount=500) | {"amount": value} for value in (None, "7", 7.5, True, [7], 2**70)),
        # The log's key looks like the number: only its type tells.
        *(event(1, amount=500) | {"name": value} for value in (None, 5, -5.0, True, False, ["k"], {"k": 1})),
    ]
    send(job, *broken, key="5")
    send(job, event(2, name="5", amount=500), event(3, name="true", amount=500), event(4, name="{}", amount=500))
    wait_until(lambda: running.counters()["broken"] >= len(broken), LIMIT_S, running.counters)
    assert running.counters() == {"late": 0, "broken": len(broken)}
    assert running.failure() is None


@pytest.mark.java
def test_late_events_are_counted(start):
    job, running = start("tumbling")
    send(job, event(1, time=1_000_000))
    send(job, event(2, time=1_900_000))
    # The watermark moves after a batch: late is what comes in a later one.
    reader = _reader(job)
    wait_until(lambda: reader() > 0, LIMIT_S, "the first window to close")
    send(job, event(3, time=1_000_000))
    wait_until(lambda: running.counters()["late"] == 1, LIMIT_S, running.counters)


def _reader(job: Job) -> Callable[[], int]:
    """Asks how many rows there are in the output."""
    consumer = Consumer({"bootstrap.servers": job.output.address, "group.id": f"{job.name}-count"})
    partitions = [TopicPartition(job.output.name, number) for number in range(job.output.partitions)]
    return lambda: sum(consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)


@pytest.mark.java
def test_sessions_exactly_the_gap_apart_are_two(start):
    job, _running = start("session")
    gap = EXAMPLES["session"].shape.window.gap_ms
    base = 1_000_000
    # One session of two events, and one of one, before what closes both.
    send(job, *(event(number, time=base + at) for number, at in enumerate((0, gap - 1, 2 * gap - 1))))
    send(job, event(9, time=base + 900_000))
    written = _reader(job)
    wait_until(lambda: written() >= 2, LIMIT_S, "the second session")
    assert written() == 2


@pytest.mark.java
@pytest.mark.parametrize(("mode", "copies"), [("micro-batch", 2), ("exactly-once-sink", 1)])
def test_a_batch_whose_commit_spark_has_forgotten_is_written_again_but_by_the_transactional_sink(start, mode, copies):
    job, running = start("project", mode)
    send(job, *(event(number, amount=500) for number in range(5)))
    commits = job.directory / "checkpoint" / "commits"
    wait_until(lambda: running.progress().inputs == 5, LIMIT_S, "the first batch to be committed")
    running.stop()
    # As after a crash between the sink's write and Spark's own note of it.
    last = max((path for path in commits.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    for path in (last, last.with_name(f".{last.name}.crc")):
        path.unlink(missing_ok=True)
    _job, running = start(again=job)
    send(job, event(5, amount=500))
    wait_until(lambda: running.progress().inputs == 6, LIMIT_S, "the batch after the restart to be committed")
    assert Counter(row["id"] for row in rows(job)) == dict.fromkeys(range(5), copies) | {5: 1}


def rows(job: Job) -> list[dict[str, object]]:
    """All that a read_committed reader sees in the output."""
    log = connect(job.output.address, "kafka")
    reader = log.reader(job.output.name, job.output.partitions, ends=True)
    ends = dict(enumerate(log.end_offsets(job.output.name, job.output.partitions, "read_committed")))
    found: list[dict[str, object]] = []
    deadline = time.monotonic() + LIMIT_S
    try:
        while {number: reader.ends().get(number, -1) for number in ends} != ends:
            assert time.monotonic() < deadline, f"read up to {reader.ends()} of {ends}"
            found += [json.loads(value) for chunk in reader.poll(0.5) for value in chunk.values]
        return found
    finally:
        reader.close()
        log.close()


@pytest.mark.java
def test_a_query_that_fails_says_why_while_its_driver_runs_others(start):
    job, failing = start("project")
    _job, running = start("project")
    # As if another driver had written what this one is about to: Spark finds that out, and gives up.
    offsets = job.directory / "checkpoint" / "offsets"
    last = max(int(path.name) for path in offsets.iterdir() if path.name.isdigit())
    for number in range(last + 1, last + 4):
        (offsets / str(number)).touch()
    send(job, event(1, amount=500))
    wait_until(lambda: failing.failure() is not None, LIMIT_S, "the query to fail")
    assert "Multiple streaming jobs detected" in failing.failure().what
    assert running.failure() is None
    assert alive(running)


@pytest.mark.java
def test_jobs_share_a_driver_and_stopping_one_leaves_the_other(start):
    _one, first = start("project")
    _two, second = start("project")
    assert alive(first) == alive(second)
    first.stop()
    first.stop()
    assert first.failure() is None
    assert second.failure() is None
    assert alive(second)


@pytest.mark.java
def test_a_driver_that_is_killed_is_a_failure_and_the_next_submission_starts_another(start):
    job, running = start("project")
    before = alive(running)
    os.kill(min(running.processes()["coordinator"]), signal.SIGKILL)
    wait_until(lambda: running.failure() is not None, LIMIT_S, "its death to be seen")
    assert "SIGKILL" in running.failure().what
    _job, again = start(again=job)
    assert again.failure() is None
    assert not before & alive(again)
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()], "what the dead driver left is gone"


@pytest.mark.java
def test_spark_itself_refuses_transform_with_state_on_the_heap(start):
    with pytest.raises(EngineFailure, match="RocksDB"):
        start("count", "heap-state")


@pytest.mark.java
def test_a_job_that_is_to_run_at_most_once_is_refused(cluster, make_job):
    with pytest.raises(EngineFailure, match="did not finish again"):
        cluster.submit(replace(make_job(engine), guarantee="at-most-once"))


def test_in_real_time_mode_an_executor_has_room_for_all_tasks_of_a_query_at_once(job):
    chosen = values(settings.reported(replace(job, mode="real-time")))
    # Four partitions, and two shuffles to three reducers each, on three executors.
    assert chosen["spark.master"] == "local-cluster[3,4,1024]"
    assert (chosen["trigger"], chosen["outputMode"]) == ("realTime=5000 milliseconds", "update")
    assert settings.trigger(replace(job, mode="real-time", interval_ms=9_000)) == {"realTime": "9000 milliseconds"}


@pytest.mark.java
@pytest.mark.timeout(600)
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer):
    result = answer(engine)
    assert result.rows == result.expected
    assert {key.decode() for key, _ in result.row_keys} == {name for _, name in result.row_keys}
    assert all(key.decode() == name for key, name in result.row_keys)
    assert len(result.processes["worker"]) == 2
    assert len(result.processes["coordinator"]) == 2, "Python and its JVM"


@pytest.mark.java
def test_a_driver_that_dies_at_start_says_why(site, make_job):
    place = site(engine)
    cluster = engine.open(place)
    running = cluster.submit(replace(make_job(engine), memory_mb=700))
    try:
        with pytest.raises(
            EngineFailure, match=r"spark-driver ended with exit code 1 while its query started"
        ) as caught:
            running.wait_ready(120)
        assert "Executor memory" in caught.value.what
        assert Path(caught.value.where).parent == place.logs
        assert running.failure() is not None
    finally:
        cluster.close()


@pytest.mark.java
def test_the_version_is_the_environments(site):
    asked = subprocess.run(
        [site(engine).python, "-c", "import pyspark; print(pyspark.__version__)"], capture_output=True, text=True
    )
    assert asked.stdout.strip() == engine.version
