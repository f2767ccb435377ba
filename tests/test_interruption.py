"""Interrupted at any moment, a run leaves no process, no scratch, and a history that can still be judged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.host.warden import marked
from results.history import DamagedHistory, History
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SUITE = """
schema_version = 1
calibrate = false
seed = 20261124
partitions = 4
parallelism = 2
interval = "200ms"
worker_memory = "512MiB"
guarantee = "exactly-once"

[workload.sensors]
window_ms = 1000

[paced]
rate = "2k/s"
warmup = "1s"
measured = "2s"

[drain]
events = 5000
backlogs = 1
intervals = 1
max_events = 5000
budget = "1s"
"""

START_S = 60.0
END_S = 30.0


@dataclass
class Run:
    child: subprocess.Popen[bytes]
    folder: Path
    home: Path

    @property
    def run(self) -> Path | None:
        return next(iter((self.folder / "runs").glob("*")), None)

    def marks(self) -> set[str]:
        """The kinds of marks that the only trial has written so far."""
        if self.run is None:
            return set()
        try:
            (trial,) = (self.run / "cases").iterdir()
            return {mark.mark for mark in History(trial).marks}
        except (OSError, ValueError, DamagedHistory):
            return set()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", *arguments],
        cwd=folder,
        env=os.environ | {"STREAMGAUGE_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


NEW = ("small.toml", "-e", "continuous", "--log", "embedded")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "small.toml").write_text(SUITE)
    child = start(tmp_path, *NEW)
    yield Run(child, tmp_path, tmp_path / "home")
    child.kill()
    child.communicate(timeout=END_S)


MOMENTS: dict[str, Callable[[Run], bool]] = {
    "as the run's folder appears": lambda run: run.run is not None,
    "while the engine starts": lambda run: run.run is not None and len(marked(run.run.name)) >= 4,
    "while events are paced": lambda run: "phase-begin" in run.marks(),
    "while results are awaited": lambda run: "closing" in run.marks(),
    "while outputs come to rest": lambda run: "committed" in run.marks() and "complete" in run.marks(),
}


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "as the run's folder appears"),
        (signal.SIGTERM, "while the engine starts"),
        (signal.SIGINT, "while events are paced"),
        (signal.SIGKILL, "while results are awaited"),
        (signal.SIGTERM, "while outputs come to rest"),
    ],
    ids=str,
)
def test_a_run_that_is_ended_early_leaves_nothing_but_its_record(started: Run, number: signal.Signals, moment: str):
    wait_until(lambda: MOMENTS[moment](started), START_S, moment)
    run = started.run
    assert run is not None
    started.child.send_signal(number)
    _out, errors = started.child.communicate(timeout=END_S)
    wait_until(lambda: not marked(run.name), END_S, "every process of the run to end")
    wait_until(lambda: not (started.home / "scratch" / run.name).exists(), END_S, "the scratch folder to go")
    assert started.child.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), errors.decode()
    assert b"Traceback" not in errors
    if (run / "plan.json").exists():
        judged = subprocess.run(
            [sys.executable, "-m", "harness.cli", "judge", str(run), "--format", "json"],
            capture_output=True,
            timeout=END_S,
            check=False,
        )
        assert b"Traceback" not in judged.stderr, judged.stderr.decode()
        assert judged.returncode == 4, judged.stderr.decode()
        assert b'"outcome": "unknown"' in judged.stdout


def test_a_run_that_was_killed_goes_on_where_it_was_and_ends_as_any_other(started: Run, tmp_path: Path):
    wait_until(lambda: "closing" in started.marks(), START_S, "results to be awaited")
    run = started.run
    assert run is not None
    plan = (run / "plan.json").read_bytes()
    started.child.kill()
    started.child.communicate(timeout=END_S)
    wait_until(lambda: not marked(run.name), END_S, "every process of the run to end")
    wait_until(lambda: not (started.home / "scratch" / run.name).exists(), END_S, "the scratch folder to go")
    again = start(tmp_path, "--resume", str(run), "--format", "json")
    out, errors = again.communicate(timeout=START_S)
    assert again.returncode == 0, errors.decode()
    document = json.loads(out)
    assert document["run"] == str(run)
    assert {case["outcome"] for case in document["cases"]} == {"pass"}
    assert (run / "plan.json").read_bytes() == plan
    # What is complete is kept: there is nothing left to do.
    marks = next(run.glob("cases/*/marks.jsonl")).read_bytes()
    once_more = start(tmp_path, "--resume", str(run))
    _out, errors = once_more.communicate(timeout=START_S)
    assert once_more.returncode == 0, errors.decode()
    assert next(run.glob("cases/*/marks.jsonl")).read_bytes() == marks


def test_two_runs_at_once_on_one_machine_do_not_touch_each_other(started: Run, tmp_path: Path):
    other = start(tmp_path, *NEW, "--format", "json")
    for child in (started.child, other):
        _out, errors = child.communicate(timeout=START_S)
        assert child.returncode == 0, errors.decode()
    assert len(list((tmp_path / "runs").iterdir())) == 2
