"""Flink as an engine: what it says of itself, its SQL, how it fails, and whole runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engines.flink import engine, settings, sql
from engines.flink.cluster import describe, free_ports, refuse_spaces
from engines.flink.rest import Rest, Unreachable
from engines.flink.running import FlinkJob
from engines.process import Process
from engines.protocol import EngineFailure, Job, Site, Topic
from workloads import sensors
from workloads.query import Aggregate, Column, Query, Tumbling, Windowed

QUERY = sensors.workload.query(sensors.workload.defaults)
ODD = Query(
    columns=(
        Column("id", "integer"),
        Column("check", "integer"),
        Column("user's `name`", "text"),
        Column("at", "integer"),
    ),
    time="at",
    key="user's `name`",
    shape=Windowed(Tumbling(93_784_005), (Aggregate("max", "max", "at"),)),
    watermark_delay_ms=1_500,
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    topic = Topic("kafka", "127.0.0.1:9092", "readings", 4)
    return Job("job-1", QUERY, topic, topic, "exactly-once", "sql", 2, 750, 1_024, tmp_path)


def test_guarantees_are_claimed_as_wanted_and_at_most_once_is_unsupported():
    assert engine.claim("exactly-once", "sql").delivery == "exactly-once"
    assert engine.claim("at-least-once", "sql").processing == "at-least-once"
    assert engine.support(QUERY, "at-most-once", "sql").kind == "unsupported"
    assert engine.support(QUERY, "exactly-once", "datastream").detail == "no mode datastream; there are sql"


@pytest.mark.parametrize("parallelism", range(1, 9))
def test_a_job_still_fits_when_one_task_manager_is_gone(parallelism):
    workers = settings.task_managers(parallelism)
    assert workers >= 2
    assert (workers - 1) * settings.slots(parallelism) >= parallelism


def test_an_exactly_once_sink_has_transactions_of_its_own_that_brokers_accept(job):
    sink = settings.sink(job)
    assert sink["sink.transactional-id-prefix"] == job.name
    assert 60_000 <= int(sink["properties.transaction.timeout.ms"]) <= 15 * 60 * 1000
    weaker = settings.sink(replace(job, guarantee="at-least-once"))
    assert weaker == {"sink.delivery-guarantee": "at-least-once"}


def test_reported_settings_name_no_place_and_are_what_is_told(job, tmp_path):
    reported = settings.reported(job)
    assert reported["execution.checkpointing.interval"] == "750 ms"
    assert not [value for value in reported.values() if "127.0.0.1" in value or str(tmp_path) in value]
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, tmp_path, {"flink-kafka": ()})
    told = describe(job, site, "127.0.0.1:20001")
    assert (told["configuration"] | told["input"] | told["output"]).items() >= (
        settings.pipeline(job) | settings.SOURCE | settings.sink(job)
    ).items()
    assert told["slots"] == 4
    assert Query.from_json(told["query"]) == QUERY


def test_sql_quotes_names_and_options_and_spells_out_intervals():
    table = sql.input_table(ODD, {"topic": "it's"})
    assert "`user's ``name``` STRING, `at` BIGINT" in table
    assert "WITH ('topic' = 'it''s')" in table
    assert "`@at` - INTERVAL '0 00:00:01.500' DAY(3) TO SECOND(3)" in table
    answer = sql.answer(ODD)
    assert "INTERVAL '1 02:03:04.005' DAY(3) TO SECOND(3)" in answer
    assert "MAX(`at`) AS `max`, COUNT(*) AS `count`, SUM(`id`) AS `ids`, SUM(`check`) AS `checks`" in answer
    assert answer.endswith("GROUP BY `user's ``name```, window_start, window_end")


def test_ports_are_distinct_and_free():
    ports = free_ports(3)
    assert len(set(ports)) == 3
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_an_existing_cluster_is_refused_with_a_remedy(tmp_path):
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, address="10.0.0.1:8081")
    with pytest.raises(EngineFailure, match=r"flink cannot use the cluster at 10\.0\.0\.1:8081") as caught:
        engine.open(site)
    assert "leave the address out" in caught.value.remedy


def test_an_environment_without_pyflink_is_named(tmp_path):
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path)
    with pytest.raises(EngineFailure, match="has no pyflink"):
        engine.open(site)


def test_paths_that_the_scripts_would_tear_apart_are_refused():
    refuse_spaces(Path("/srv/gauge"))
    with pytest.raises(EngineFailure, match="spaces") as caught:
        refuse_spaces(Path("/srv/gauge"), Path("/srv/my gauge"))
    assert caught.value.where == "/srv/my gauge"


class Manager:
    """A JobManager's REST interface with one job, as far as the engine asks."""

    def __init__(self) -> None:
        self.state, self.vertices, self.completed, self.cancelled = "RUNNING", ["RUNNING", "RUNNING"], 1, False
        self.causes = (
            "java.lang.RuntimeException: outer\n\tat x.Y.z(Y.java:1)\nCaused by: java.io.IOException: disk full\n"
        )
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = {
                    "/jobs/overview": {"jobs": [{"jid": "f00", "name": "job-1"}, {"jid": "bad", "name": "other"}]},
                    "/jobs/f00/status": {"status": manager.state},
                    "/jobs/f00": {"vertices": [{"status": status} for status in manager.vertices]},
                    "/jobs/f00/checkpoints": {"counts": {"completed": manager.completed}},
                    "/jobs/f00/exceptions": {"exceptionHistory": {"entries": [{"stacktrace": manager.causes}]}},
                }
                if self.path in known:
                    self.answer(200, known[self.path])
                else:
                    self.answer(404, {"errors": []})

            def do_PATCH(self) -> None:
                assert self.path == "/jobs/f00?mode=cancel"
                manager.state, manager.cancelled = "CANCELED", True
                self.answer(202, {})

            def answer(self, status: int, body: object) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.rest = Rest(f"127.0.0.1:{self.server.server_port}")


@pytest.fixture
def manager() -> Iterator[Manager]:
    manager = Manager()
    thread = threading.Thread(target=manager.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield manager
    manager.server.shutdown()
    manager.server.server_close()
    thread.join()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[[str, str], Process]]:
    started: list[Process] = []

    def start(name: str, script: str) -> Process:
        started.append(Process(name, ["sh", "-c", script], tmp_path / f"{name}.log"))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def running(job, manager, processes) -> FlinkJob:
    workers = [processes(f"worker-{number}", "exec sleep 60") for number in range(2)]
    return FlinkJob(job, processes("client", "exit 0"), processes("manager", "exec sleep 60"), workers, manager.rest)


def test_a_job_is_ready_once_every_subtask_runs_and_a_checkpoint_was_completed(running, manager):
    manager.vertices[1], manager.completed = "INITIALIZING", 0
    with pytest.raises(EngineFailure, match=r"job-1 did not run with a first checkpoint within 0\.3 s"):
        running.wait_ready(0.3)
    manager.vertices[1] = "RUNNING"
    with pytest.raises(EngineFailure):
        running.wait_ready(0.3)
    manager.completed = 1
    running.wait_ready(10)
    assert {role: len(pids) for role, pids in running.processes().items()} == {"coordinator": 1, "worker": 2}
    assert running.failure() is None


def test_a_failed_job_is_reported_with_its_innermost_cause(running, manager):
    manager.state = "FAILED"
    with pytest.raises(EngineFailure, match=r"job-1 is FAILED: Caused by: java\.io\.IOException: disk full"):
        running.wait_ready(10)


def test_a_job_that_restarts_has_not_failed(running, manager):
    manager.state = "RESTARTING"
    assert running.failure() is None


def test_a_client_that_fails_is_reported_with_its_last_words(job, manager, processes):
    client = processes("client", "echo no such topic; exit 3")
    running = FlinkJob(job, client, processes("manager", "exec sleep 60"), [], manager.rest)
    with pytest.raises(
        EngineFailure, match=r"(?s)client ended with exit code 3 while it submitted the job.*no such topic"
    ):
        running.wait_ready(10)


def test_a_task_manager_that_dies_at_start_is_reported(job, manager, processes):
    workers = [processes("worker-0", "echo no memory; exit 1"), processes("worker-1", "exec sleep 60")]
    client, head = processes("client", "exec sleep 60"), processes("manager", "exec sleep 60")
    running = FlinkJob(job, client, head, workers, manager.rest)
    with pytest.raises(EngineFailure, match=r"(?s)worker-0 ended with exit code 1 while the job started.*no memory"):
        running.wait_ready(10)


def test_stop_cancels_once_and_may_be_called_again(running, manager):
    running.wait_ready(10)
    running.stop()
    assert manager.cancelled
    running.stop()


def test_a_manager_that_does_not_answer_is_unreachable_and_not_a_failure():
    with pytest.raises(Unreachable, match="GET /overview at 127"):
        Rest(f"127.0.0.1:{free_ports(1)[0]}").get("/overview")


@pytest.mark.java
@pytest.mark.timeout(600)
@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer, guarantee):
    result = answer(engine, guarantee)
    assert result.rows == result.expected
    assert all(key.decode() == name for key, name in result.row_keys)
    assert len(result.processes["worker"]) == 2
    assert len(result.processes["coordinator"]) == 1
    assert result.settings["sink.delivery-guarantee"] == guarantee


@pytest.mark.java
def test_a_worker_too_small_to_start_says_why(site, make_job):
    place = site(engine)
    cluster = engine.open(place)
    running = cluster.submit(replace(make_job(engine), memory_mb=100))
    try:
        with pytest.raises(
            EngineFailure, match=r"flink-taskmanager-\d ended with exit code 1 while the job started"
        ) as caught:
            running.wait_ready(120)
        assert "memory" in caught.value.what
        assert Path(caught.value.where).parent == place.logs
    finally:
        cluster.close()


@pytest.mark.java
def test_the_version_is_the_environments(site):
    code = "from pyflink.version import __version__; print(__version__)"
    asked = subprocess.run([site(engine).python, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == engine.version
