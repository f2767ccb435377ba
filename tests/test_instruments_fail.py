"""A trial whose instruments die, or have no space, is unknown for that reason, and its record says so.

The trials are real, of the continuous engine on the embedded log, and short.
"""

from __future__ import annotations

import errno
import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import results.history
from engines import proc
from engines.continuous import engine
from engines.logs.embedded import EmbeddedLog
from harness.display import Silent
from harness.doctor import Provisioned
from harness.provisioning.folders import ROOT
from harness.run import _run_case, _RunLog
from results.history import Ended, Failed, History
from results.judge import judge
from results.plan import CasePlan, Drain
from workloads.sensors import workload

READING_BACK, AT_REST = "reading back the input", "waiting until outputs stand still"
CASE = CasePlan(
    engine="continuous",
    mode=next(iter(engine.modes)),
    workload="sensors",
    log="embedded",
    guarantee="exactly-once",
    parameters={**workload.defaults, "keys": 20, "window_ms": 1000},
    seed=3,
    partitions=2,
    parallelism=1,
    interval_ms=200,
    worker_memory_mb=512,
    event_rate=1000,
    paced=None,
    drain=Drain(events=1000, backlogs=1, intervals=1, budget_s=0.1, max_events=1000),
)


class Moment(Silent):
    """Acts once, as the trial says that it begins something."""

    def __init__(self, text: str, act: Callable[[], None]) -> None:
        self._text, self._act = text, act

    def step(self, case: str, text: str) -> None:
        if text == self._text:
            self._act()


def instrument(name: str) -> psutil.Process:
    alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    (found,) = [child for child in alive if f"harness.instruments.{name}" in " ".join(child.cmdline())]
    return found


def killed(name: str) -> Callable[[], None]:
    def act() -> None:
        instrument(name).kill()

    return act


def without_space(name: str) -> Callable[[], None]:
    """From now on the instrument can write no file of more than a kibibyte, as on a full disk."""

    def act() -> None:
        resource.prlimit(instrument(name).pid, resource.RLIMIT_FSIZE, (1024, 1024))

    return act


@pytest.fixture
def conducted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], Path]:
    """Conducts a trial in which something happens at a moment; the folder of its history."""
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("harness.quiescence.STILL_S", 1.0)

    def conduct(text: str, act: Callable[[], None]) -> Path:
        run = tmp_path / "run"
        tools = Provisioned(Path(sys.executable), None, None, {}, ROOT)
        _run_case(CASE, engine, workload, None, tools, _RunLog("t"), run, tmp_path / "scratch", Moment(text, act))
        return run / "cases" / CASE.name

    return conduct


def told(history: Path) -> str:
    """The reason for which the only case is unknown."""
    assert (history / "manifest.json").exists(), "written also after a failure"
    (case,) = judge(history)
    assert case.outcome == "unknown"
    assert case.kinds == {}, "no engine is accused of what was not recorded"
    return case.reason


def nothing() -> None:
    pass


def test_a_trial_in_which_nothing_fails_passes_and_its_manifest_tells_all_of_it(conducted):
    history = conducted("", nothing)
    assert [case.outcome for case in judge(history)] == ["pass"]
    manifest = json.loads((history / "manifest.json").read_text())
    there = {str(path.relative_to(history)) for path in history.rglob("*.parquet")} | {"trial.json", "marks.jsonl"}
    assert set(manifest["files"]) == there
    assert manifest["stored"]["input"] == sum(manifest["positions"]["input"])
    assert manifest["stored"]["output"] == sum(manifest["positions"]["output"])


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("collector", READING_BACK),
        ("collector", AT_REST),
        ("sampler", READING_BACK),
        ("generator", AT_REST),
    ],
)
def test_an_instrument_that_is_killed_fails_the_trial_by_its_name(conducted, name, moment):
    reason = told(conducted(moment, killed(name)))
    assert f"the {name} ended with exit code -9" in reason


def test_as_a_trial_fails_the_stacks_of_the_engine_are_written_while_it_is_there(conducted, monkeypatch):
    seen: list[bool] = []
    monkeypatch.setattr(
        "harness.trial.dump",
        lambda named, *_: seen.extend(proc.runs(pid) for pids in named.values() for pid in pids),
    )
    conducted("starting the engine", killed("sampler"))
    assert seen
    assert all(seen)


@pytest.mark.parametrize(("name", "table"), [("collector", "output"), ("sampler", "samples"), ("generator", "sends")])
def test_an_instrument_without_space_says_where_there_is_none(conducted, name, table):
    history = conducted("starting the engine", without_space(name))
    assert f"{name}: no space left on {history / table}" in told(history)


def test_a_read_back_without_space_says_where_there_is_none(conducted, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def act() -> None:
        monkeypatch.setattr(results.history.pq, "write_table", full)

    history = conducted(READING_BACK, act)
    monkeypatch.undo()
    assert f"no space left on {history / 'input'}" in told(history)


def test_a_collector_that_hangs_as_it_is_to_end_is_killed_and_not_believed(conducted, monkeypatch):
    monkeypatch.setattr("harness.instruments.channel._CLOSE_S", 1.0)

    def hang(*_: Any) -> None:
        instrument("collector").send_signal(signal.SIGSTOP)

    monkeypatch.setattr("harness.deployment.Deployment.counters", lambda _: hang() or {})
    assert "the collector ended with exit code -9" in told(conducted("", nothing))


def test_a_collector_that_does_not_read_to_the_end_is_not_believed(conducted, monkeypatch):
    offsets = EmbeddedLog.end_offsets

    def further(self: Any, topic: str, partitions: int, isolation: Any) -> list[int]:
        ends = offsets(self, topic, partitions, isolation)
        return [end + 1 for end in ends] if topic.endswith("-output") else ends

    monkeypatch.setattr(EmbeddedLog, "end_offsets", further)
    monkeypatch.setattr("harness.trial._ANSWER_S", 3.0)
    assert "the collector read the output to offsets" in told(conducted("", nothing))


def test_an_interrupted_trial_ends_with_a_manifest_too(conducted, tmp_path):
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conducted(READING_BACK, interrupt)
    history = tmp_path / "run" / "cases" / CASE.name
    (failed,) = History(history).of(Failed)
    assert failed.interrupted
    assert not History(history).of(Ended)
    assert "interrupted in phase quiescence" in told(history)
