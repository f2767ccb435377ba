"""Flink as an engine: what it says of itself, its SQL, how it fails, and whole runs.

Longer than most: its parts are one engine's, and share a made-up JobManager, made-up clients and one real cluster.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engines.configuration import values
from engines.flink import checkpoints, engine, metrics, settings, sql
from engines.flink.api import PYTHON_MODE, api
from engines.flink.client import Client
from engines.flink.cluster import describe, library, refuse_spaces
from engines.flink.rest import Rest, Unreachable
from engines.flink.running import FlinkJob, listened
from engines.ports import free_ports
from engines.process import Process
from engines.protocol import EngineFailure, Job, Progress, Site, Topic
from harness.faults.processes import kill
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.reference import rows
from tests.waiting import wait_until
from workloads import sensors
from workloads.query import Aggregate, Column, Condition, Linear, Query, Session, Tumbling, Until, Windowed

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
    assert engine.support(QUERY, "exactly-once", "batch").detail.startswith("no mode batch; there are sql, ")


@pytest.mark.parametrize("mode", ["sql", settings.ROCKSDB_MODE])
def test_sql_answers_with_operators_of_its_own_but_for_machines_and_order_after_a_deduplication(mode):
    kinds = {name: engine.support(query, "exactly-once", mode).kind for name, query in EXAMPLES.items()}
    emulated = {"machine", "deduplicate-running"}
    assert {name: kind for name, kind in kinds.items() if kind != "native"} == dict.fromkeys(emulated, "emulated")


def test_python_answers_every_shape_but_joins():
    kinds = {name: engine.support(query, "exactly-once", PYTHON_MODE).kind for name, query in EXAMPLES.items()}
    assert {name for name, kind in kinds.items() if kind == "unsupported"} == {"join"}
    native = ("tumbling", "sliding", "project")
    assert [kinds[name] for name in native] == ["native"] * len(native)


def test_distinct_counts_up_to_a_condition_are_emulated_for_want_of_a_word():
    shape = Windowed(Until(Condition("kind", "=", 2)), (Aggregate("items", "distinct", "item"),))
    query = replace(EXAMPLES["until"], shape=shape)
    assert api(query, "sql") == "datastream"
    assert engine.support(query, "exactly-once", "sql").kind == "emulated"


def test_a_session_gap_that_flink_cannot_express_is_unsupported():
    query = replace(EXAMPLES["session"], shape=Windowed(Session(1), ()))
    assert engine.support(query, "exactly-once", "sql").kind == "unsupported"


@pytest.mark.parametrize("parallelism", range(1, 9))
def test_a_job_still_fits_when_one_task_manager_is_gone(job, parallelism):
    wide = replace(job, parallelism=parallelism)
    workers = settings.task_managers(wide)
    assert workers >= 2
    assert (workers - 1) * settings.slots(wide) >= parallelism


def test_in_one_process_a_task_manager_has_all_slots_and_the_memory_of_all(job):
    whole = replace(job, layout="one-process", parallelism=3)
    told = values(settings.workers(whole))
    assert settings.task_managers(whole) == 1
    assert told[settings.SLOTS] == "3"
    assert told["taskmanager.memory.process.size"] == f"{3 * job.memory_mb}m"


def test_an_exactly_once_sink_has_transactions_of_its_own_that_brokers_accept(job):
    sink = values(settings.sink(job))
    assert sink["sink.transactional-id-prefix"] == job.name
    assert 60_000 <= int(sink["properties.transaction.timeout.ms"]) <= 15 * 60 * 1000
    weaker = values(settings.sink(replace(job, guarantee="at-least-once")))
    assert weaker == {"sink.delivery-guarantee": "at-least-once"}


def test_reported_settings_name_no_place_and_are_what_is_told(job, tmp_path):
    reported = values(settings.reported(job))
    assert reported["execution.checkpointing.interval"] == "750 ms"
    assert not [value for value in reported.values() if "127.0.0.1" in value or str(tmp_path) in value]
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, tmp_path, {"flink-kafka": ()})
    told = describe(job, site, "127.0.0.1:20001")
    assert (told["configuration"] | told["input"] | told["output"]).items() >= (
        values(settings.pipeline(job) | settings.source(job) | settings.sink(job))
    ).items()
    assert told["slots"] == 4
    assert Query.from_json(told["query"]) == QUERY
    assert "execution.state-recovery.path" not in told["configuration"]


def test_a_job_goes_on_from_its_newest_completed_checkpoint(job, tmp_path):
    kept = checkpoints.folder(job.directory)
    for number, name in enumerate(("f00/chk-9", "bad/chk-2", "bad/chk-3")):
        (kept / name).mkdir(parents=True)
        if name != "bad/chk-3":
            metadata = kept / name / "_metadata"
            metadata.touch()
            os.utime(metadata, (number, number))
    assert checkpoints.newest(job.directory) == kept / "bad/chk-2"
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, tmp_path, {"flink-kafka": ()})
    told = describe(job, site, "127.0.0.1:20001")["configuration"]
    assert told["execution.state-recovery.path"] == (kept / "bad/chk-2").as_uri()


def test_rocksdb_has_the_managed_memory_that_the_heap_does_not_need(job):
    assert settings.workers(job)["taskmanager.memory.managed.fraction"].value == "0.1"
    rocksdb = replace(job, mode=settings.ROCKSDB_MODE)
    assert "taskmanager.memory.managed.fraction" not in settings.workers(rocksdb)
    assert settings.reported(rocksdb)["state.backend.type"].value == "rocksdb"


def test_python_runs_in_the_task_managers_wherever_a_query_is_answered_in_python(job):
    name = "python.execution-mode"
    assert name not in settings.reported(job)
    assert settings.reported(replace(job, mode=PYTHON_MODE))[name].value == "thread"
    assert settings.reported(replace(job, query=EXAMPLES["machine"]))[name].value == "thread"


def test_a_deduplication_forgets_no_sooner_than_a_job_may_lag(job):
    query = EXAMPLES["deduplicate"]
    assert settings.deduplicate_ttl_ms(query.deduplicate) == 3_600_000
    assert settings.deduplicate_ttl_ms(replace(query.deduplicate, within_ms=120_000)) == 7_200_000
    assert settings.reported(replace(job, query=query))["table.exec.state.ttl"].value == "3600000 ms"
    assert "table.exec.state.ttl" not in settings.reported(job)


def test_the_library_holds_connectors_and_python_beside_the_wheels_jars(tmp_path):
    for name in (
        "home/lib/flink-dist-1.jar",
        "home/opt/flink-python-1.jar",
        "home/opt/flink-sql-client-1.jar",
        "c.jar",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folder = library(tmp_path / "lib", tmp_path / "home", [tmp_path / "c.jar"])
    assert sorted(jar.name for jar in folder.iterdir()) == ["c.jar", "flink-dist-1.jar", "flink-python-1.jar"]


def test_sql_quotes_names_and_options_and_spells_out_intervals():
    table = sql.input_table(ODD, {"topic": "it's"})
    assert "`user's ``name``` STRING, `at` BIGINT" in table
    assert "WITH ('topic' = 'it''s')" in table
    assert "`@at` - INTERVAL '0 00:00:01.501' DAY(3) TO SECOND(3)" in table
    view = sql.events_view(ODD)
    assert "`user's ``name``` AS `c2_user_s_name`" in view
    assert "`user's ``name``` IS NOT NULL" in view
    answer = sql.answer(ODD)
    assert "INTERVAL '1 02:03:04.005' DAY(3) TO SECOND(3)" in answer
    assert "MAX(`c3_at`) AS `f0_max`, COUNT(`id`) AS `count`, SUM(`id`) AS `ids`, SUM(`check`) AS `checks`" in answer
    assert answer.endswith("GROUP BY `c2_user_s_name`, window_start, window_end")


def test_sql_sessions_are_a_millisecond_shorter_since_flink_joins_what_touches():
    query = EXAMPLES["session"]
    assert "INTERVAL '0 00:00:00.199'" in sql.answer(query)
    assert "* 1000 + EXTRACT(MILLISECOND FROM window_end) + 1" in sql.answer(query)
    assert "`@at` - INTERVAL '0 00:00:01.502'" in sql.input_table(query, {})


def test_sql_conditions_remainders_and_scores():
    assert sql.conjunction((Condition("a", "!=", 1, modulo=3), Condition("b", ">=", 2))) == (
        "MOD(`a`, 3) <> 1 AND `b` >= 2"
    )
    assert sql.conjunction(()) == "TRUE"
    assert sql.linear(Linear("s", (("a", 3), ("b", -50)), 1000, 7)) == "(`a` * (3) + `b` * (-50) + (1000)) / 7"


def test_sql_joins_within_bounds_on_either_side():
    answer = sql.answer(EXAMPLES["join"])
    assert "BETWEEN `@left`.`@at` - INTERVAL '0 00:00:00.300'" in answer
    assert "AND `@left`.`@at` + INTERVAL '0 00:00:00.800'" in answer


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
        self.underway = 0
        self.metrics = {
            "Source__input.numRecordsIn": 12,
            "Source__input.numRecordsOut": 9,
            "W.numLateRecordsDropped": 4,
        }
        self.causes = (
            "java.lang.RuntimeException: outer\n\tat x.Y.z(Y.java:1)\nCaused by: java.io.IOException: disk full\n"
        )
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = manager.answers()
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

    def answers(self) -> dict[str, object]:
        """What it says now, by path."""
        return {
            "/jobs/overview": {
                "jobs": [
                    {"jid": "f00", "name": "job-1", "state": self.state},
                    {"jid": "old", "name": "job-1", "state": "CANCELED"},
                    {"jid": "bad", "name": "other", "state": "RUNNING"},
                ]
            },
            "/jobs/f00/status": {"status": self.state},
            "/jobs/f00": {
                "vertices": [{"id": f"v{number}", "status": status} for number, status in enumerate(self.vertices)]
            },
            "/jobs/f00/vertices/v0/subtasks/metrics": [{"id": name} for name in self.metrics],
            "/jobs/f00/vertices/v1/subtasks/metrics": [{"id": "numRecordsIn"}],
            f"/jobs/f00/vertices/v0/subtasks/metrics?agg=sum&get={'%2C'.join(self.metrics)}": [
                {"id": name, "sum": float(value)} for name, value in self.metrics.items()
            ],
            "/jobs/f00/checkpoints": {"counts": {"completed": self.completed, "in_progress": self.underway}},
            "/jobs/f00/exceptions": {"exceptionHistory": {"entries": [{"stacktrace": self.causes}]}},
        }


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
def clients(tmp_path: Path, processes: Callable[[str, str], Process]) -> Iterator[Callable[[str], Client]]:
    """Clients that run a shell script, whose $1 is the pipe with the paths of descriptions."""
    made: list[Client] = []

    def start(script: str) -> Client:
        pipe = tmp_path / f"requests-{len(made)}"
        made.append(Client(lambda requests: processes("client", f"exec <>{requests}; {script}"), pipe))
        return made[-1]

    yield start
    for client in made:
        client.close()


def says(answer: str) -> str:
    """A script of a client that answers every request so, and goes on."""
    return f"while read line; do echo '{answer}' >${{line%.json}}.w; mv ${{line%.json}}.w ${{line%.json}}.answer; done"


@pytest.fixture
def submitted(job, manager, processes, clients, tmp_path) -> Callable[..., FlinkJob]:
    def make(script: str = says('{"job": "f00"}'), workers: list[Process] | None = None) -> FlinkJob:
        submission = clients(script).ask(tmp_path / "job-1.json")
        return FlinkJob(job, submission, processes("manager", "exec sleep 60"), workers or [], manager.rest)

    return make


@pytest.fixture
def running(submitted, processes) -> FlinkJob:
    return submitted(workers=[processes(f"worker-{number}", "exec sleep 60") for number in range(2)])


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


def test_a_client_is_a_coordinator_only_while_it_submits(submitted):
    running = submitted("sleep 60")
    assert len(running.processes()["coordinator"]) == 2
    assert running.failure() is None
    running.stop()
    assert len(running.processes()["coordinator"]) == 1


def test_counters_are_what_windows_dropped_and_what_the_source_skipped(running):
    running.wait_ready(10)
    assert running.counters() == {"late": 4, "broken": 3}


def test_progress_is_completed_checkpoints_over_all_submissions(job, manager, running, processes, clients, tmp_path):
    running.wait_ready(10)
    manager.completed, manager.underway = 7, 1
    assert running.progress() == Progress(7, committing=True, state="RUNNING")
    completed: dict[str, int] = {"job-1": 7}
    submission = clients(says('{"job": "f00"}')).ask(tmp_path / "job-1.json")
    again = FlinkJob(job, submission, processes("manager", "exec sleep 60"), [], manager.rest, completed)
    manager.completed, manager.state = 0, "RESTARTING"
    wait_until(lambda: again.progress().state == "RESTARTING")
    assert again.progress().commits == 7
    manager.completed = 2
    assert again.progress().commits == 9
    manager.server.shutdown()
    assert completed == {"job-1": 9}


def test_progress_says_what_was_last_known_where_nothing_answers(manager, running):
    manager.completed = 3
    running.wait_ready(10)
    assert running.progress().commits == 3
    manager.state, manager.completed = "RESTARTING", 0
    assert running.progress() == Progress(3, state="RESTARTING")
    manager.server.shutdown()
    manager.server.server_close()
    assert running.progress() == Progress(3, state="unreachable")


def test_a_job_that_could_not_be_submitted_has_no_progress(submitted):
    refused = submitted(says('{"error": "no such topic"}'))
    wait_until(refused.failure)
    assert refused.progress() == Progress(0)


def test_a_job_whose_job_manager_was_killed_is_stopped_at_once(job, manager, processes, clients, tmp_path):
    killed = processes("manager", "exec sleep 60")
    submission = clients(says('{"job": "f00"}')).ask(tmp_path / "job-1.json")
    running = FlinkJob(job, submission, killed, [], manager.rest)
    running.wait_ready(10)
    os.kill(killed.pid, signal.SIGKILL)
    assert "manager was ended by SIGKILL" in wait_until(running.failure).what
    running.stop()
    assert not manager.cancelled
    assert running.processes()["coordinator"] == []


@pytest.mark.parametrize("mode", ["sql", PYTHON_MODE])
def test_a_task_manager_that_dies_while_the_job_starts_is_why_it_does_not(
    job, manager, processes, clients, tmp_path, mode
):
    worker = processes("worker-0", "exit 1")
    submission = clients(says('{"job": "f00"}')).ask(tmp_path / "job-1.json")
    running = FlinkJob(
        replace(job, mode=mode), submission, processes("manager", "exec sleep 60"), [worker], manager.rest
    )
    manager.completed = 0
    with pytest.raises(EngineFailure, match="worker-0 ended with exit code 1"):
        running.wait_ready(10)


def test_a_dead_task_manager_is_started_again_in_its_place(submitted, processes):
    workers = [processes(f"worker-{number}", "exec sleep 60") for number in range(2)]
    running = submitted(workers=workers)
    running.wait_ready(10)
    first, second = running.processes()["worker"]
    os.kill(first, signal.SIGKILL)
    assert wait_until(running.revive) == ["worker-0"]
    after = running.processes()["worker"]
    assert len(after) == 2
    assert first not in after
    assert second in after
    assert running.revive() == []
    assert running.failure() is None
    workers[0].kill()


def test_tuned_time_outs_notice_and_restart_sooner_and_are_reported(job):
    assert not {name for name in settings.reported(job) if name.startswith("heartbeat")}
    tuned = values(settings.reported(replace(job, timeouts="tuned")))
    assert (tuned["heartbeat.interval"], tuned["heartbeat.timeout"]) == ("1000", "5000")
    assert tuned["restart-strategy.type"] == "fixed-delay"


def test_sources_that_do_not_count_make_no_counter_of_broken_records(manager):
    manager.metrics = {"W.numLateRecordsDropped": 1}
    assert metrics.counters(manager.rest, "f00", still_s=0.1) == {"late": 1, "broken": 0}


def test_counts_that_come_in_one_after_the_other_are_waited_for(manager, monkeypatch):
    """As seen: what was read is new already, what was given on is still that of the job's start."""
    looks = iter([(60_000, 11_722), (60_000, 11_722), (60_000, 60_000)])

    def look(path: str) -> object:
        if path == "/jobs/f00":
            # The last look stays.
            read, given = next(looks, (60_000, 60_000))
            manager.metrics |= {"Source__input.numRecordsIn": read, "Source__input.numRecordsOut": given}
        return asked(path)

    asked = manager.rest.get
    monkeypatch.setattr(manager.rest, "get", look)
    assert metrics.counters(manager.rest, "f00", still_s=3 * metrics._POLL_S) == {"late": 4, "broken": 0}


def test_counts_that_never_stand_still_say_nothing_of_broken_records(manager, monkeypatch):
    def look(path: str) -> object:
        if path == "/jobs/f00":
            manager.metrics["Source__input.numRecordsIn"] += 1
        return asked(path)

    asked = manager.rest.get
    monkeypatch.setattr(manager.rest, "get", look)
    assert metrics.counters(manager.rest, "f00", wait_s=0.1) == {"late": 4}


def test_a_failed_job_is_reported_with_its_innermost_cause(running, manager):
    manager.state = "FAILED"
    with pytest.raises(EngineFailure, match=r"job-1 is FAILED: Caused by: java\.io\.IOException: disk full"):
        running.wait_ready(10)


def test_a_job_that_restarts_has_not_failed(running, manager):
    manager.state = "RESTARTING"
    assert running.failure() is None


def test_a_client_that_fails_is_reported_with_its_last_words(submitted):
    running = submitted("echo no such jar; exit 3")
    with pytest.raises(
        EngineFailure, match=r"(?s)client ended with exit code 3 while it submitted the job.*no such jar"
    ):
        running.wait_ready(10)


def test_a_job_that_the_client_cannot_submit_is_reported_with_the_reason(submitted):
    with pytest.raises(EngineFailure, match="client could not submit the job: no such topic"):
        submitted(says('{"error": "no such topic"}')).wait_ready(10)


def test_a_client_that_ended_in_idleness_is_started_again(clients, tmp_path):
    ended = tmp_path / "ended"
    client = clients(f"test -e {ended} || {{ touch {ended}; exit 0; }}; " + says('{"job": "f00"}'))
    first = client.process
    wait_until(lambda: first.exit_code is not None)
    submission = client.ask(tmp_path / "job-1.json")
    assert wait_until(submission.job) == "f00"
    assert client.process is not first


def test_what_a_client_did_not_read_before_it_was_ended_is_not_submitted_later(clients, tmp_path):
    tried = tmp_path / "tried"
    client = clients(f"test -e {tried} || {{ touch {tried}; sleep 60; }}; " + says('{"job": "f00"}'))
    abandoned = client.ask(tmp_path / "job-1.json")
    wait_until(tried.exists)
    abandoned.give_up()
    submission = client.ask(tmp_path / "job-2.json")
    assert wait_until(submission.job) == "f00"
    assert not (tmp_path / "job-1.answer").exists()


def test_a_task_manager_that_dies_at_start_is_reported(submitted, processes):
    workers = [processes("worker-0", "echo no memory; exit 1"), processes("worker-1", "exec sleep 60")]
    running = submitted("sleep 60", workers)
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
@pytest.mark.timeout(700)
@pytest.mark.parametrize("example", ["sliding-top", "count", "until", "deduplicate-running"])
def test_python_gives_the_rows_of_the_reference(stage, example):
    events = stream(example, 1500)
    assert stage.run(engine, EXAMPLES[example], events, mode=PYTHON_MODE).rows == rows(EXAMPLES[example], events)


@pytest.mark.java
@pytest.mark.timeout(700)
@pytest.mark.parametrize(
    ("mode", "example", "parallelism"),
    [
        ("sql", "machine", 4),
        (settings.ROCKSDB_MODE, "session", 1),
        (PYTHON_MODE, "session", 2),
    ],
)
def test_a_job_that_is_stopped_goes_on_where_it_ended(stage, mode, example, parallelism):
    events = stream(example, 1500)
    outcome = stage.run(engine, EXAMPLES[example], events, mode=mode, parallelism=parallelism, restart=True)
    assert outcome.rows == rows(EXAMPLES[example], events)


@pytest.mark.java
@pytest.mark.timeout(700)
def test_a_record_that_is_no_event_is_skipped_by_python(stage):
    example, events = "tumbling", stream("tumbling", 1500)
    whole = dict(events[0])
    raw = [
        ("k0", b"no event"),
        ("k0", b""),
        ("k0", b"[]"),
        ("k0", json.dumps({**whole, "amount": "many"}).encode()),
        ("k0", json.dumps({**whole, "time": None}).encode()),
        ("k0", json.dumps({name: value for name, value in whole.items() if name != "id"}).encode()),
    ]
    outcome = stage.run(engine, EXAMPLES[example], events, mode=PYTHON_MODE, raw=raw)
    assert outcome.rows == rows(EXAMPLES[example], events)


@pytest.mark.java
@pytest.mark.timeout(600)
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer):
    result = answer(engine)
    assert result.rows == result.expected
    assert all(key.decode() == name for key, name in result.row_keys)
    assert len(result.processes["worker"]) == 2
    assert len(result.processes["coordinator"]) == 1
    assert result.settings["sink.delivery-guarantee"] == "exactly-once"


def runs_within(running, pid):
    """Whether each subtask runs, in this TaskManager: of one that died the JobManager learns only later."""
    rest, job = running._rest, running._id
    vertices = rest.get(f"/jobs/{job}")["vertices"]
    subtasks = [one for vertex in vertices for one in rest.get(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]]
    ports = {str(port) for port in listened(pid)}
    return all(one["status"] == "RUNNING" and one["endpoint"].rpartition(":")[2] in ports for one in subtasks)


@pytest.mark.java
@pytest.mark.timeout(300)
def test_a_task_manager_that_stands_by_is_not_occupied(site, make_job):
    cluster = engine.open(site(engine))
    try:
        running = cluster.submit(make_job(engine))
        running.wait_ready(120)
        workers = running.processes()["worker"]
        assert running.occupied() == workers
        kill(workers[:1])
        # Revived earlier, it would be used at once: the job goes on where slots are.
        wait_until(lambda: runs_within(running, workers[1]), 120, running.occupied)
        running.revive()
        running.wait_ready(120)
        assert len(running.processes()["worker"]) == 2
        assert running.occupied() == workers[1:]
    finally:
        cluster.close()


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
