"""Runs that are disturbed on purpose, each in its own way, name what disturbed them. The command line is the real one.

How much a machine has to do beside the tests is not known: nothing here asks for a quiet one, or for a speed.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from engines.continuous import engine
from harness.display import Silent
from harness.doctor import Provisioned
from harness.faults import discover as discover_faults
from harness.host.subreaper import subreaper
from harness.run import _run_case, _RunLog
from harness.strikes.gauge import Gauge
from results.judge import judge
from results.metrics.jvm import NOTED
from results.plan import CasePlan, Paced, Strikes
from tests.made_up_processes import apart, burn
from tests.test_planted_faults import Plant, _checkout, _run_all
from workloads.sensors import workload

ROOT = Path(__file__).parents[1]
STOPPED_S = 1.6
"""So long each process is stopped; what looks less often than once a second is told."""

SUITE = """
schema_version = 1
calibrate = false
story = "A paced part that is long enough to be disturbed."
seed = 20261124
partitions = 2
parallelism = 1
interval = "500ms"
worker_memory = "512MiB"
guarantee = "exactly-once"

[workload.sensors]
keys = 50
window_ms = 500

[paced]
rate = "500/s"
warmup = "2s"
measured = "12s"
"""

RUN = [sys.executable, "-c", "from harness.cli import main; main()"]


class Disturbed:
    """A run that goes on while it is disturbed. result: its paced case; code: how the command ended."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        (folder / "small.toml").write_text(SUITE)
        self.folder = folder
        self.child = subprocess.Popen(
            [*RUN, "run", "small.toml", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self.code = 0
        self.case: dict[str, Any] = {}

    def until(self, text: str) -> None:
        """Return once the run has said it."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.said.append(line)
            if text in line:
                return
        pytest.fail(f"the run ended before it said {text!r}:\n{''.join(self.said)}")

    def process(self, words: str) -> psutil.Process:
        """The process of the run with these words in its command line."""
        (found,) = (
            each
            for each in psutil.Process(self.child.pid).children(recursive=True)
            if words in " ".join(each.cmdline())
        )
        return found

    def finish(self) -> None:
        """Read what is left and the result; once only."""
        if self.case:
            return
        assert self.child.stdout is not None
        self.said += self.child.stdout.readlines()
        self.code = self.child.wait()
        (run,) = (self.folder / "runs").iterdir()
        cases = json.loads((run / "result.json").read_text())["cases"]
        (self.case,) = (case for case in cases if case["phase"] == "paced")

    def judged_strictly(self) -> int:
        return subprocess.run(
            [*RUN, "judge", "latest", "--strict"],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        ).returncode


@contextmanager
def disturbed(folder: Path, *arguments: str) -> Iterator[Disturbed]:
    """Entered as the measured part begins; left once the run has ended. What is left of it is killed."""
    run = Disturbed(folder, *arguments)
    try:
        run.until("paced: measured")
        yield run
        run.finish()
    finally:
        # Stopped as it may be; its warden ends what it started.
        run.child.send_signal(signal.SIGCONT)
        run.child.kill()
        run.child.communicate()


def stop(process: psutil.Process) -> None:
    process.suspend()
    try:
        time.sleep(STOPPED_S)
    finally:
        process.resume()


def noted(case: dict[str, Any], *words: str) -> bool:
    return any(all(word in note for word in words) for note in case["notes"])


def test_a_core_burner_beside_a_run_is_counted_as_foreign_and_brackets_its_latency(tmp_path: Path) -> None:
    with apart(burn(600)) as pid, disturbed(tmp_path, "-e", "continuous", "--log", "embedded") as run:
        burner = psutil.Process(pid)
        began_s, before_s = time.monotonic(), burner.cpu_times().user
        run.finish()
        share = 100 * (burner.cpu_times().user - before_s) / (time.monotonic() - began_s) / psutil.cpu_count()
    assert run.code == 0, "it is right, whatever its speed"
    foreign = run.case["metrics"]["foreign_share"]["value"]
    # The time in which the run came to rest is in the one and not in the other.
    assert foreign > share / 2
    if foreign >= 5:
        assert noted(run.case, "beside the measured part other work took")
        assert run.case["metrics"]["latency_p50"]["bracketed"]
        assert run.judged_strictly() == 6


def test_what_stands_still_of_ours_is_named(tmp_path: Path) -> None:
    with disturbed(tmp_path, "-e", "continuous", "--log", "embedded") as run:
        director = psutil.Process(run.child.pid)
        for name in ("generator", "collector", "sampler"):
            stop(run.process(f"harness.instruments.{name}"))
        stop(director)
    for name in ("generator", "collector", "director"):
        assert noted(run.case, f"the {name} stood still for "), run.case["notes"]
    assert noted(run.case, "the sampler did not look for "), run.case["notes"]
    assert noted(run.case, "the load generator fell behind"), "open loop: its own lag says so too"
    assert run.case["metrics"]["latency_p50"]["bracketed"]
    assert run.case["outcome"] == "pass", run.case["reason"]


def test_a_saturated_engine_did_not_keep_up(tmp_path: Path) -> None:
    slow = Plant(
        "self._process(self, self._shape, events)",
        "(__import__('time').sleep(0.004 * len(events)), self._process(self, self._shape, events))[1]",
    )
    ((code, _, case),) = dict(_run_all(_checkout(tmp_path, SUITE, {"slow": slow}), ["slow"])).values()
    assert code == 0, case["reason"]
    assert noted(case, "did not keep up: rows due and not visible after a commit grew by"), case["notes"]
    assert case["metrics"]["latency_p99"]["bracketed"]


@pytest.mark.java
@pytest.mark.parametrize("name", ["broker", "proxy"])
def test_what_stands_still_between_us_and_an_engine_is_named(tmp_path: Path, name: str) -> None:
    words = {"broker": "server.properties", "proxy": "harness.instruments.proxy"}
    # The proxy is there only where a fault needs it: one that is aimed behind the end of the load strikes nothing.
    fault = ["--fault", "delay-network"] if name == "proxy" else []
    with disturbed(tmp_path, "-e", "continuous", "--log", "kafka", *fault) as run:
        stop(run.process(words[name]))
    assert noted(run.case, f"the {name} stood still for "), run.case["notes"]


@pytest.mark.java
def test_how_much_a_fresh_broker_compiles_is_measured_and_named_from_its_bound_on(tmp_path: Path) -> None:
    load = '[paced]\nrate = "20k/s"\nwarmup = "0s"\nmeasured = "5s"\n'
    (tmp_path / "cold.toml").write_text(SUITE.partition("[paced]")[0] + load)
    # No calibration comes before: the broker is seconds old as the first event is sent.
    command = [*RUN, "run", "cold.toml", "-e", "continuous", "--log", "kafka", "--no-progress"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, check=True)
    (result,) = (tmp_path / "runs").glob("*/result.json")
    (case,) = json.loads(result.read_text())["cases"]
    share = case["metrics"]["broker_jit_share"]["value"]
    assert 0 < share < 100
    assert noted(case, "the broker's JVM was cold: ") == (share >= 100 * NOTED), (share, case["notes"])


STRUCK = CasePlan(
    engine="continuous",
    mode=next(iter(engine.modes)),
    workload="sensors",
    log="embedded",
    guarantee="exactly-once",
    parameters={**workload.defaults, "keys": 20, "window_ms": 500},
    seed=3,
    partitions=2,
    parallelism=1,
    interval_ms=500,
    worker_memory_mb=512,
    event_rate=480,
    paced=Paced(rate=500, warmup_s=2, measured_s=20),
    drain=None,
    strikes=Strikes(fault="kill-worker", aim="interval", wanted=1, most=1, hold_s=0, timeouts="tuned"),
)


def test_a_gauge_that_stands_still_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("harness.quiescence.STILL_S", 1.0)
    look, looks = Gauge._look, itertools.count(1)

    def slow(self: Gauge) -> Any:
        # The first second of the measured part is never missed by all of these.
        if next(looks) % 20 == 0:
            time.sleep(STOPPED_S)
        return look(self)

    monkeypatch.setattr(Gauge, "_look", slow)
    fault, tools = discover_faults()["kill-worker"], Provisioned(Path(sys.executable), None, None, {}, ROOT)
    arguments = tools, _RunLog("t"), tmp_path / "run", tmp_path / "scratch", Silent()
    with subreaper():
        _run_case(STRUCK, engine, workload, fault, *arguments)
    (case,) = judge(tmp_path / "run" / "cases" / STRUCK.name)
    assert any(note.startswith("the gauge did not look for ") for note in case.notes), (case.reason, case.notes)
