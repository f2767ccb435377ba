"""The built-in runners, killed at seeded points of their commits: exactly-once loses nothing and repeats nothing.

`--crash-points 500` kills each runner at so many points on each log; without it there are fewer, to be quick.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from cars import ENGINES, PARTITIONS, ROOT, Output, Stream, job_on
from nursery import STEPS, Life

from engines.logs import connect
from engines.logs.protocol import Log
from engines.protocol import Guarantee, Job, LogKind
from engines.runtime.job_spec import JobSpec

POINTS: dict[LogKind, int] = {"embedded": 32, "kafka": 24}
EVENTS = 5_000
OFTEN = 12
"""How many times a step may be passed before the kill: more than one commit passes it."""


class Nursery:
    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("nursery.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
        )
        self.log = log

    def live(self, life: Life) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(life)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._log.close()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path / "nursery.log")
    yield made
    made.close()


def kill_at(
    points: int, nursery: Nursery, log: Log, job: Job, runner: str
) -> tuple[Counter[str], Counter[str], Stream]:
    """Kill a worker at so many points, then let one end: kills by step, rows with how often, and what was sent."""
    job.directory.mkdir()
    spec = JobSpec(job, f"engines.{runner}.worker", Path(sys.executable), job.directory)
    spec.save()
    for topic in (job.input, job.output):
        log.create(topic.name, PARTITIONS)
    labels = STEPS[job.input.log, job.guarantee]
    steps = [f"{when} {label}" for label in labels for when in ("before", "after")]
    chance = random.Random(f"{runner} {job.input.log} {job.guarantee}")
    stream, killed = Stream(), Counter[str]()

    def ends() -> tuple[int, ...]:
        return tuple(log.end_offsets(job.input.name, PARTITIONS, "read_uncommitted"))

    def live(step: str = "", nth: int = 0) -> bool:
        ended = nursery.live(Life(str(spec.file), ends(), step, nth))
        assert ended in (0, -signal.SIGKILL), nursery.log.read_text()
        return ended != 0

    for step in islice(cycle(chance.sample(steps, len(steps))), points):
        nth = chance.randint(1, OFTEN)
        while not live(step, nth):
            # It has read all there was before it got there.
            stream.send(log, job.input.name, EVENTS)
            nth = 1
        killed[step] += 1
    stream.close(log, job.input.name)
    assert not live()
    output = Output(log, job.output.name)
    output.read(1.0)
    output.close()
    assert output.closing(stream.closes)
    return killed, output.rows, stream


def crash(
    points: int, nursery: Nursery, address: str, folder: Path, runner: str, kind: LogKind, guarantee: Guarantee
) -> tuple[Counter[str], set[str], int]:
    """Kills by step; rows that are missing; and how many came more than once."""
    log = connect(address, kind)
    name = f"crash-{runner}-{guarantee}".replace("_", "-")
    job = job_on(kind, address, folder / name, name, (f"{name}-in", f"{name}-out"))
    job = replace(job, guarantee=guarantee, interval_ms=1, memory_mb=100, parallelism=1)
    try:
        killed, rows, stream = kill_at(points, nursery, log, job, runner)
    finally:
        log.close()
    want = stream.expected()
    assert not set(rows) - want
    assert len(want) > points
    return killed, want - set(rows), rows.total() - len(rows)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("runner", ENGINES)
@pytest.mark.parametrize("kind", ["embedded", pytest.param("kafka", marks=pytest.mark.java)])
def test_kills_before_and_after_every_step_of_a_commit_lose_and_repeat_nothing(
    nursery: Nursery, tmp_path: Path, runner: str, kind: LogKind, request: pytest.FixtureRequest
):
    points = int(request.config.getoption("--crash-points")) or POINTS[kind]
    address = str(tmp_path / "log") if kind == "embedded" else request.getfixturevalue("broker")
    killed, missing, repeated = crash(points, nursery, address, tmp_path, runner, kind, "exactly-once")
    assert (len(missing), repeated) == (0, 0)
    assert killed.total() == points
    assert len(killed) == 2 * len(STEPS[kind, "exactly-once"]), killed


@pytest.mark.parametrize("runner", ENGINES)
@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
def test_the_same_kills_show_what_is_weaker(nursery: Nursery, tmp_path: Path, runner: str, guarantee: Guarantee):
    address = str(tmp_path / "log")
    _, missing, repeated = crash(POINTS["embedded"], nursery, address, tmp_path, runner, "embedded", guarantee)
    assert (bool(missing), bool(repeated)) == (guarantee == "at-most-once", guarantee == "at-least-once")
