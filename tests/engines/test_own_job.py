"""The processes of a job file: started without a shell, ready when they say so, started again, and ended."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engines import proc
from engines.logs.kafka_group import Members
from engines.own_job import OwnJob, placeholders
from engines.own_job.polled_command import PolledCommand, told_by
from engines.protocol import EngineFailure, Job, Observable, RunningJob, Site, Slotted, Topic
from harness.planning.catalogue import discover
from harness.planning.job_file import load
from tests.waiting import wait_until
from workloads import each_once

WAIT_S = 20.0

WORKER = """
import os, signal, sys, time
print("state", os.environ["STATE"], "words", sys.argv[1:], flush=True)
open(os.path.join(os.environ["STATE"], "was-here"), "a").write("x")
signal.signal(signal.SIGTERM, lambda *_: (print("in good order", flush=True), os._exit(0)))
print("listening now", flush=True)
while True:
    time.sleep(1)
"""

FILE = """
schema_version = 1
[worker]
command = ["{python}", "worker.py", "{slot}", "a b; $HOME `id` {NOT} {input}"]
count = 2
env = { STATE = "{state}" }
[job]
claims = { processing = "exactly-once", delivery = "exactly-once" }
answer = { each_once = "key" }
ready = { line = "listening" }
"""


class Stage:
    """A folder with a job file, and what of it was submitted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.worker = folder, WORKER
        self._close: list[Callable[[], None]] = []

    def engine(self, text: str = FILE) -> OwnJob:
        (self.folder / "worker.py").write_text(self.worker)
        (self.folder / "mine.toml").write_text(text)
        return load(self.folder / "mine.toml", discover())

    def submit(self, text: str = FILE) -> RunningJob:
        topic = Topic("kafka", "127.0.0.1:1", "in", 4)
        logs = self.folder / "logs"
        site = Site(self.folder, logs, self.folder, Path(sys.executable), self.folder)
        cluster = self.engine(text).open(site)
        self._close.append(cluster.close)
        query = each_once.workload.query(each_once.workload.defaults)
        output = Topic("kafka", "127.0.0.1:1", "out", 4)
        job = Job("sg-1", query, topic, output, "exactly-once", "default", 2, 500, 512, self.folder / "job")
        return cluster.submit(job)

    def log(self, name: str) -> str:
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        for close in self._close:
            close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def test_workers_are_started_without_a_shell_and_are_ready_once_they_say_so(stage: Stage) -> None:
    running = stage.submit()
    running.wait_ready(WAIT_S)
    pids = running.processes()
    assert list(pids) == ["worker"]
    assert len(pids["worker"]) == 2
    for slot in (0, 1):
        said = stage.log(f"mine-worker-{slot}")
        assert f"['{slot}', 'a b; $HOME `id` {{NOT}} in']" in said
        assert (stage.folder / "job" / f"mine-worker-{slot}" / "was-here").read_text() == "x"
    assert running.failure() is None
    assert not isinstance(running, Observable)
    assert isinstance(running, Slotted)
    assert [slot.pid for slot in running.slots()] == pids["worker"]


def test_a_job_is_ended_in_good_order_and_leaves_nothing(stage: Stage) -> None:
    running = stage.submit()
    running.wait_ready(WAIT_S)
    pids = running.processes()["worker"]
    running.stop()
    running.stop()
    assert all("in good order" in stage.log(f"mine-worker-{slot}") for slot in (0, 1))
    assert not any(proc.runs(pid) for pid in pids)
    assert running.failure() is None


def test_what_does_not_end_in_time_is_killed(stage: Stage) -> None:
    text = FILE.replace(
        "[job]", '[job]\nstop = { signal = "SIGHUP", timeout = "100ms", command = ["{python}", "-c", "1"] }'
    )
    stage.worker = WORKER.replace("signal.SIGTERM, lambda", "signal.SIGHUP, lambda").replace("os._exit(0)", "0")
    running = stage.submit(text)
    running.wait_ready(WAIT_S)
    pids = running.processes()["worker"]
    running.stop()
    assert not any(proc.runs(pid) for pid in pids)
    assert "in good order" in stage.log("mine-worker-0")
    assert (stage.folder / "logs" / "mine-stop.log").exists()


def test_a_dead_worker_is_told_with_its_last_lines_and_started_again_in_its_slot(stage: Stage) -> None:
    running = stage.submit()
    running.wait_ready(WAIT_S)
    first, second = running.processes()["worker"]
    os.kill(first, 9)
    wait_until(lambda: running.failure() is not None)
    failure = running.failure()
    assert failure is not None
    assert "mine-worker-0 was ended by SIGKILL" in failure.what
    assert "listening now" in failure.what
    assert [slot.pid for slot in running.slots()] == [None, second]  # type: ignore[attr-defined]
    assert running.revive() == ["mine-worker-0"]  # type: ignore[attr-defined]
    running.wait_ready(WAIT_S)
    assert running.failure() is None
    assert running.processes()["worker"][1] == second
    # What the dead one printed makes its successor ready no earlier.
    assert stage.log("mine-worker-0").count("listening now") == 2
    assert (stage.folder / "job" / "mine-worker-0" / "was-here").read_text() == "xx"


def test_a_successor_is_not_ready_by_what_its_predecessor_printed(stage: Stage) -> None:
    running = stage.submit()
    running.wait_ready(WAIT_S)
    (stage.folder / "worker.py").write_text("import time\nwhile True: time.sleep(1)\n")
    os.kill(running.processes()["worker"][0], 9)
    wait_until(lambda: running.failure() is not None)
    running.revive()  # type: ignore[attr-defined]
    with pytest.raises(EngineFailure, match="not every worker has printed 'listening'"):
        running.wait_ready(0.3)


def test_a_worker_that_ends_at_once_is_said_to(stage: Stage) -> None:
    stage.engine()
    running = stage.submit(FILE.replace('"worker.py"', '"-c", "print(\'no broker\')", "worker.py"'))
    with pytest.raises(EngineFailure, match=r"(?s)ended with exit code 0 before it was ready.*no broker"):
        running.wait_ready(WAIT_S)


def test_a_program_that_is_not_there_is_said_to_be(stage: Stage) -> None:
    with pytest.raises(EngineFailure, match="mine-worker-0 cannot be started"):
        stage.submit(FILE.replace('"{python}"', '"no-such-program"'))


def test_a_coordinator_is_a_process_of_its_own_role(stage: Stage) -> None:
    table = '[coordinator]\ncommand = ["{python}", "worker.py"]\nenv = { STATE = "{state}" }\n[job]'
    text = FILE.replace("[job]", table)
    assert stage.engine(text).roles == ("worker", "coordinator")
    running = stage.submit(text)
    running.wait_ready(WAIT_S)
    (coordinator,) = running.processes()["coordinator"]
    os.kill(coordinator, 9)
    wait_until(lambda: "coordinator" not in running.processes())
    assert running.revive() == ["mine-coordinator"]  # type: ignore[attr-defined]


def test_ready_by_a_port_is_once_it_takes_connections(stage: Stage) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        text = FILE.replace('line = "listening"', f"port = {port}")
        running = stage.submit(text)
        with pytest.raises(EngineFailure, match=f"nothing takes connections at 127.0.0.1:{port}"):
            running.wait_ready(0.3)
        held.listen()
        running.wait_ready(WAIT_S)


def test_a_build_is_run_once_and_in_the_files_folder(stage: Stage) -> None:
    code = "open('built', 'a').write('x')"
    engine = stage.engine(FILE.replace("[job]", f'[job]\nbuild = ["{{python}}", "-c", "{code}"]'))
    site = Site(stage.folder, stage.folder / "logs", stage.folder, Path(sys.executable), stage.folder)
    for _ in range(2):
        engine.open(site).close()
    assert (stage.folder / "built").read_text() == "x"


def test_a_build_that_fails_is_told_with_its_last_lines(stage: Stage) -> None:
    code = "print('no such target'); raise SystemExit(2)"
    engine = stage.engine(FILE.replace("[job]", f'[job]\nbuild = ["{{python}}", "-c", "{code}"]'))
    site = Site(stage.folder, stage.folder / "logs", stage.folder, Path(sys.executable), stage.folder)
    with pytest.raises(EngineFailure, match=r"(?s)mine-build ended with exit code 2.*no such target"):
        engine.open(site)


def test_what_a_build_makes_is_there_for_the_workers_and_outlives_the_run(stage: Stage) -> None:
    code = "import sys; open(sys.argv[1] + '/made', 'a').write('x')"
    text = FILE.replace("[job]", f'[job]\nbuild = ["{{python}}", "-c", "{code}", "{{built}}"]')
    running = stage.submit(text.replace('"a b;', '"{built}/made", "a b;'))
    running.wait_ready(WAIT_S)
    site = Site(stage.folder, stage.folder / "logs", stage.folder, Path(sys.executable), stage.folder)
    made = placeholders.built(site, (stage.folder / "mine.toml").resolve()) / "made"
    assert f"'{made}'" in stage.log("mine-worker-0")
    stage.close()
    assert made.read_text() == "x"


def test_two_job_files_have_two_folders_to_build_in(tmp_path: Path) -> None:
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path)
    assert placeholders.built(site, Path("/a/mine.toml")) != placeholders.built(site, Path("/b/mine.toml"))


# How far it is, by a command.


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (b"1 2\n", (1, 2)),
        (b"log line\n7\t900\r\n\n", (7, 900)),
        (b"", None),
        (b"1", None),
        (b"1 2 3", None),
        (b"-1 2", None),
        (b"1 2\nnot yet", None),
        (b"9" * 16 + b" 1", None),
    ],
)
def test_progress_is_two_numbers_in_the_last_line(printed: bytes, told: tuple[int, int] | None) -> None:
    assert told_by(printed) == told


def test_a_progress_command_is_asked_again_and_never_falls(tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_text("3 30")
    polled = PolledCommand([sys.executable, "-c", f"print(open({str(said)!r}).read())"], {}, tmp_path, tmp_path / "log")
    try:
        wait_until(lambda: polled.progress().commits == 3)
        said.write_text("2 40")
        wait_until(lambda: polled.progress().inputs == 40)
        assert polled.progress().commits == 3
        said.write_text("no numbers")
        said.write_text("5 50")
        wait_until(lambda: polled.progress().commits == 5)
    finally:
        polled.close()


def test_a_progress_command_that_cannot_be_started_says_so_in_its_log(tmp_path: Path) -> None:
    polled = PolledCommand(["no-such-program"], {}, tmp_path, tmp_path / "log")
    try:
        wait_until(
            lambda: "cannot be started" in (tmp_path / "log").read_text() if (tmp_path / "log").exists() else False
        )
        assert (polled.progress().commits, polled.progress().inputs) == (0, None)
    finally:
        polled.close()


def test_a_job_with_progress_is_observable(stage: Stage) -> None:
    text = FILE.replace("[job]", '[job]\nprogress = { command = ["{python}", "-c", "print(4, 5)"] }')
    running = stage.submit(text)
    assert isinstance(running, Observable)
    wait_until(lambda: running.progress().commits == 4)
    running.stop()


# Who is in its consumer group.

GROUP = FILE.replace(
    'ready = { line = "listening" }',
    'ready = { group = "{group}", line = "listening" }\nprogress = { group = "{group}", client = "{job}-{slot}" }',
)
BOTH = {"sg-1-0-consumer": frozenset({0, 1}), "sg-1-1": frozenset({2, 3})}


class Group:
    """Stands for a group as the broker describes it."""

    def __init__(self) -> None:
        self.now = Members()

    def members(self) -> Members:
        return self.now


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    made = Group()
    monkeypatch.setattr("engines.logs.kafka_group.GroupDescriber", lambda *_: made)
    return made


def not_ready(running: RunningJob, why: str) -> None:
    with pytest.raises(EngineFailure, match=why):
        running.wait_ready(0.2)


def test_a_job_is_ready_once_its_group_has_all_partitions_and_each_worker_is_in_it(stage: Stage, group: Group) -> None:
    running = stage.submit(GROUP)
    not_ready(running, r"have partitions \[\] of the input")
    group.now = Members(True, {"sg-1-0": frozenset({0, 1, 2})})
    not_ready(running, r"have partitions \[0, 1, 2\] of the input")
    group.now = Members(True, {"sg-1-0": frozenset({0, 1, 2, 3})})
    not_ready(running, "no member of its group has the client.id sg-1-1")
    group.now = Members(False, BOTH)
    not_ready(running, "of the input")
    group.now = Members(True, BOTH)
    running.wait_ready(WAIT_S)


def test_a_worker_has_the_partitions_of_its_client_and_keeps_them_until_all_is_settled(
    stage: Stage, group: Group
) -> None:
    running = stage.submit(GROUP)
    assert isinstance(running, Slotted)
    assert [slot.partitions for slot in running.slots()] == [None, None]
    group.now = Members(True, {**BOTH, "sg-1-10": frozenset({4})})
    assert [slot.partitions for slot in running.slots()] == [{0, 1}, {2, 3}]
    group.now = Members(False, {"sg-1-0": frozenset()})
    assert [slot.partitions for slot in running.slots()] == [{0, 1}, {2, 3}]
    group.now = Members(True, {"sg-1-1": frozenset({0, 1, 2, 3})})
    assert [slot.partitions for slot in running.slots()] == [set(), {0, 1, 2, 3}]


def test_who_is_started_again_is_ready_once_it_has_joined_anew(stage: Stage, group: Group) -> None:
    group.now = Members(True, BOTH, frozenset({"a", "b"}))
    running = stage.submit(GROUP)
    running.wait_ready(WAIT_S)
    os.kill(running.processes()["worker"][1], 9)
    wait_until(lambda: running.failure() is not None)
    running.revive()  # type: ignore[attr-defined]
    wait_until(lambda: stage.log("mine-worker-1").count("listening now") == 2)
    # For a while the broker takes the dead one for alive.
    not_ready(running, "who was started again has not joined group sg-1")
    group.now = Members(True, BOTH, frozenset({"a", "c"}))
    running.wait_ready(WAIT_S)


def test_what_goes_back_is_told_where_it_is_known(stage: Stage) -> None:
    query = each_once.workload.query(each_once.workload.defaults)
    one = 'progress = { group = "{group}" }'
    assert stage.engine(GROUP).rollback(query, "default") == "worker"
    assert stage.engine(FILE).rollback(query, "default") is None
    assert stage.engine(FILE.replace("[job]", f"[job]\n{one}")).rollback(query, "default") is None
    alone = FILE.replace("[job]", f"[job]\n{one}").replace("count = 2", "count = 1")
    assert stage.engine(alone).rollback(query, "default") == "job"


# Placeholders.


def test_a_placeholder_is_replaced_once_and_other_braces_stay() -> None:
    values = {"input": "{output}", "output": "o"}
    assert placeholders.filled('{"a": {input}} {Input} {} {output}', values) == '{"a": {output}} {Input} {} o'


def test_a_jar_set_is_a_class_path(tmp_path: Path) -> None:
    jars = {"kafka-streams": (Path("/a.jar"), Path("/b.jar"))}
    site = Site(tmp_path, tmp_path, tmp_path, Path("/python"), tmp_path, Path("/jdk"), jars)
    values = placeholders.of_machine(site, Path("/mine.toml"))
    told = placeholders.filled("{java_home} {python} {jars:kafka-streams} {jars:none} {jars:} {jars:A b}", values)
    assert told == "/jdk /python /a.jar:/b.jar {jars:none} {jars:} {jars:A b}"


def test_jar_sets_are_named_once_and_are_no_other_placeholders() -> None:
    texts = ["{jars:a}:{jars:B 2}", "{jars:a} {input}", "{jars:} {jar:c}"]
    assert placeholders.jar_sets(texts) == ["a", "B 2", ""]
    assert placeholders.unknown(texts, {"input"}) == []
    assert placeholders.named(texts) == ["input"]


def test_what_is_not_allowed_is_named_once() -> None:
    assert placeholders.unknown(["{a} {a}", "{b}{c}", '{"x": 1}'], {"b"}) == ["a", "c"]
