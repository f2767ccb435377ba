"""The two built-in runners keep their guarantees across a crash at each of their steps."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cars import ENGINES, GUARANTEES, PARTITIONS, Output, Stream, event, job_on

from engines.logs.embedded import EmbeddedLog
from engines.protocol import Guarantee, Job
from engines.runtime.connector import Checkpoint, Results, WorkerFailure
from engines.runtime.counters import counters
from engines.runtime.embedded import EmbeddedConnector
from engines.runtime.job_spec import JobSpec
from engines.runtime.snapshot import Snapshots
from engines.runtime.stop import Stop
from engines.runtime.worker import Work


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedLog:
    made = EmbeddedLog(tmp_path / "log")
    for name in ("in", "out"):
        made.create(name, PARTITIONS)
    return made


@pytest.fixture
def job(log: EmbeddedLog, tmp_path: Path) -> Job:
    return job_on("embedded", str(log.address), tmp_path / "job")


@pytest.fixture
def output(log: EmbeddedLog) -> Iterator[Output]:
    made = Output(log, "out")
    yield made
    made.close()


class Crash(Exception):
    """What a kill would be."""


class CrashingConnector(EmbeddedConnector):
    """Raises Crash the n-th time that a step is reached; asks the runner to stop once there is nothing to read."""

    def __init__(self, job: Job, step: str, number: int, stop: Stop) -> None:
        super().__init__(job)
        self._step, self._left, self._stop = step, number, stop

    def _reach(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                raise Crash

    def poll(self, timeout_s: float) -> list[Any]:
        parts = super().poll(min(timeout_s, 0.01))
        if not parts:
            self._stop.request()
        return parts

    def write(self, results: Sequence[Results]) -> None:
        if results:
            self._reach("before write")
        super().write(results)
        if results:
            self._reach("after write")

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._reach("before commit")
        super().commit(checkpoints)
        self._reach("after commit")

    def _append_at_once(self, results: Sequence[Results]) -> None:
        if results:
            self._reach("before rows leave")
        super()._append_at_once(results)


STEPS = ("before write", "after write", "before commit", "after commit", "before rows leave")


@pytest.fixture(params=ENGINES)
def runner(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"engines.{request.param}.runner")


def run_once(runner: ModuleType, job: Job, step: str = "", number: int = 0) -> bool:
    """Run until the input is used up; whether it crashed."""
    stop = Stop()
    connector = CrashingConnector(job, step, number, stop)
    try:
        runner.run(Work(job, list(range(PARTITIONS)), connector, stop, lambda _: None))
    except Crash:
        return True
    finally:
        connector.close()
    return False


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_crash_at_any_step_costs_no_more_than_the_guarantee_allows(
    runner: ModuleType, job: Job, tmp_path: Path, guarantee: Guarantee, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("engines.logs.embedded._POLL_BYTES", 1)
    if runner.__name__ == "engines.micro_batch.runner":
        monkeypatch.setattr(runner, "_RECORDS_PER_MB", 1)
        job = replace(job, memory_mb=100)
    seen: Counter[str] = Counter()
    for step in STEPS:
        for number in (1, 4):
            log = EmbeddedLog(tmp_path / f"{step}-{number}".replace(" ", "-"))
            for name in ("in", "out"):
                log.create(name, PARTITIONS)
            stream, output = Stream(), Output(log, "out")
            stream.send(log, "in", 2_000)
            stream.close(log, "in")
            here = replace(
                job,
                guarantee=guarantee,
                interval_ms=1,
                input=replace(job.input, address=str(log.address)),
                output=replace(job.output, address=str(log.address)),
            )
            crashed = run_once(runner, here, step, number)
            while run_once(runner, here):
                pass
            output.read()
            output.close()
            want = stream.expected()
            lost, repeated = want - set(output.rows), output.rows.total() - len(output.rows)
            assert not set(output.rows) - want, (step, number)
            assert not lost or guarantee == "at-most-once", (step, number)
            assert not repeated or guarantee == "at-least-once", (step, number)
            seen["crashed"] += crashed
            seen["lost"] += bool(lost)
            seen["repeated"] += bool(repeated)
    assert seen["crashed"] >= 6
    # The weaker guarantees must show: else the crashes would have met nothing.
    assert bool(seen["lost"]) == (guarantee == "at-most-once")
    assert bool(seen["repeated"]) == (guarantee == "at-least-once")


def test_broken_records_do_not_stop_a_runner_and_are_told(
    runner: ModuleType, job: Job, log: EmbeddedLog, output: Output, caplog: pytest.LogCaptureFixture
):
    stream = Stream()
    stream.send(log, "in", 500)
    writer = log.writer("in")
    writer.write(0, [b"k"] * 3, [b"poison\n", b'{"id":"1"}', b""])
    writer.close()
    stream.close(log, "in")
    run_once(runner, job)
    output.read()
    assert output.rows == Counter(stream.expected())
    assert "3 records that are no events" in caplog.text
    assert "poison" in caplog.text


@pytest.mark.parametrize("step", ["", "before commit", "after commit"])
def test_what_was_skipped_is_counted_once_across_crashes_and_restarts(
    runner: ModuleType, job: Job, log: EmbeddedLog, step: str
):
    poison, late = (b"k", b"poison"), (b"k", event(1, "k", 1_000))
    ahead = (b"k", event(2, "k", 90_000))
    assert counters(job.directory) == {"late": 0, "broken": 0}
    for times in (1, 2):
        writer = log.writer("in")
        for partition in range(PARTITIONS):
            writer.write(partition, *zip(poison, ahead, late, poison, late, late, strict=True))
        writer.close()
        assert run_once(runner, job, step, 1) == bool(step)
        while run_once(runner, job):
            pass
        assert counters(job.directory) == {"late": 3 * PARTITIONS * times, "broken": 2 * PARTITIONS * times}


def test_at_least_once_and_at_most_once_rows_leave_before_the_interval_is_over(
    job: Job, log: EmbeddedLog, output: Output
):
    runner = importlib.import_module("engines.continuous.runner")
    for guarantee in ("at-least-once", "at-most-once"):
        stop, name = Stop(), f"job-{guarantee}"

        class Watching(CrashingConnector):
            def poll(self, timeout_s: float) -> list[Any]:
                parts = super().poll(timeout_s)
                if not parts:
                    output.read()
                return parts

        slow = replace(job, name=name, guarantee=guarantee, interval_ms=60_000)
        stream = Stream()
        if guarantee == "at-least-once":
            stream.send(log, "in", 500)
            stream.close(log, "in")
        before = output.rows.total()
        connector = Watching(slow, "", 0, stop)
        runner.run(Work(slow, list(range(PARTITIONS)), connector, stop, lambda _: None))
        connector.close()
        assert output.rows.total() > before


def test_a_worker_that_was_replaced_cannot_commit(job: Job, log: EmbeddedLog):
    first, second = EmbeddedConnector(job), EmbeddedConnector(job)
    first.recover([0])
    found = second.recover([0])
    assert found[0] == Checkpoint(0, 0, None)
    first.write([Results(0, [b"k"], b"zombie")])
    with pytest.raises(WorkerFailure, match="taken over"):
        first.commit([Checkpoint(0, 10, b"zombie")])
    second.write([Results(0, [b"k"], b"rightful")])
    second.commit([Checkpoint(0, 5, b"state")])
    third = EmbeddedConnector(job)
    assert third.recover([0])[0] == Checkpoint(0, 5, b"state")
    assert log.end_offsets("out", PARTITIONS, "read_committed") == [1, 0, 0]
    for connector in (first, second, third):
        connector.close()


def test_a_snapshot_is_whole_or_refused(tmp_path: Path):
    snapshots = Snapshots(tmp_path / "snapshots")
    first, again = snapshots.write(0, 1, b"state"), snapshots.write(0, 1, b"of a zombie")
    other = snapshots.write(10, 1, b"")
    assert first != again
    assert (snapshots.read(first), snapshots.read(again), snapshots.read(other)) == (b"state", b"of a zombie", b"")
    snapshots.keep_only(0, first)
    assert snapshots.read(other) == b""
    with pytest.raises(WorkerFailure, match="cannot be read"):
        snapshots.read(again)
    (tmp_path / "snapshots" / first).write_bytes((tmp_path / "snapshots" / first).read_bytes()[:-1])
    with pytest.raises(WorkerFailure, match="checksum"):
        snapshots.read(first)


def test_a_deployment_comes_back_as_it_was_saved(job: Job, tmp_path: Path):
    job.directory.mkdir()
    spec = JobSpec(job, "engines.continuous.worker", Path(sys.executable), tmp_path)
    spec.save()
    assert JobSpec.load(spec.file) == spec
    assert [spec.tasks(slot) for slot in spec.slots] == [[0, 2], [1]]
    crowded = replace(spec, job=replace(job, parallelism=8))
    assert [crowded.tasks(slot) for slot in crowded.slots] == [[0], [1], [2]]
