"""Each trial has a fault of its own: what it keeps from one strike to the next is nothing to the next trial."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from harness.faults import discover
from harness.faults.fault import Fault, Target
from workloads.discovery import Unavailable

FAULTS: dict[str, type[Fault]] = {
    name: found for name, found in discover().items() if not isinstance(found, Unavailable)
}
KEEPING = sorted(name for name, fault in FAULTS.items() if vars(fault()))
"""Those that keep something from one strike to the next."""

STRIKES = 4
_WAIT = [sys.executable, "-I", "-c", "import signal; print(1, flush=True); signal.pause()"]
_IMMUTABLE = (str, bytes, int, float, bool, type(None), tuple, frozenset, FunctionType, type, property)


def shared(one: object, other: object) -> set[str]:
    """What both have that either could change for the other."""
    names = {name for name in dir(one) if not name.startswith("__")}
    same = {name: getattr(one, name) for name in names if getattr(one, name) is getattr(other, name)}
    return {name for name, value in same.items() if not isinstance(value, _IMMUTABLE)}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_two_faults_share_nothing_that_changes(name: str):
    assert shared(FAULTS[name](), FAULTS[name]()) == set()
    module = vars(sys.modules[FAULTS[name].__module__])
    assert not [name for name, value in module.items() if isinstance(value, list | set | dict) and name[:2] != "__"]


def test_what_is_shared_is_seen():
    class Sharing:
        struck: ClassVar[list[int]] = []
        name = "sharing"

        def inject(self) -> None: ...

    assert shared(Sharing(), Sharing()) == {"struck"}


@dataclass
class Job:
    """Processes that only wait, and what was done to them, by what they are called."""

    pids: dict[int, str]
    done: list[str] = field(default_factory=list)

    def called(self, text: str) -> str:
        for pid, name in self.pids.items():
            text = re.sub(rf"\b{pid}\b", name, text)
        # How much memory a process has differs from one to the next.
        return re.sub(r"\d+ MiB", "its memory", text)

    def target(self, chance: random.Random) -> Target:
        workers = [pid for pid, name in self.pids.items() if name.startswith("worker")]
        broker: Any = SimpleNamespace(pid=max(self.pids, key=lambda pid: self.pids[pid] == "broker"))
        return Target(
            processes=lambda: {"worker": workers},
            occupied=lambda: workers,
            revive=lambda: self.done.append("revive"),
            halt=lambda: self.done.append("halt"),
            relaunch=lambda parallelism: self.done.append(f"relaunch {parallelism}"),
            broker=broker,
            link=None,
            state=Path(),
            write=lambda key, value: self.done.append(f"write {value!r}"),
            parallelism=2,
            chance=chance,
        )


@pytest.fixture
def jobs() -> Iterator[list[Job]]:
    """Two of them, each of two workers and a broker."""
    started = [subprocess.Popen(_WAIT, stdout=subprocess.PIPE) for _ in range(6)]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    pids = [process.pid for process in started]
    names = ("worker-0", "worker-1", "broker")
    yield [Job(dict(zip(some, names, strict=True))) for some in (pids[:3], pids[3:])]
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def trial(fault: Fault, job: Job, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a fault does in one trial, from a heal with nothing to undo through some strikes."""
    target, kill = job.target(random.Random(1)), os.kill

    def signalled(pid: int, number: int) -> None:
        job.done.append(f"{signal.Signals(number).name} to {job.pids.get(pid, 'a stranger')}")
        kill(pid, number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", signalled)
        fault.heal(target)
        for _ in range(STRIKES):
            job.done.append(job.called(fault.inject(target)))
            fault.heal(target)
    return job.done


@pytest.mark.parametrize("name", KEEPING)
def test_two_trials_of_one_process_do_the_same_in_the_same_order(name: str, jobs, monkeypatch: pytest.MonkeyPatch):
    first, second = (trial(FAULTS[name](), job, monkeypatch) for job in jobs)
    assert first == second
    assert len(first) > STRIKES


def test_rescaling_begins_anew_and_pausing_touches_its_own_processes_only(jobs, monkeypatch: pytest.MonkeyPatch):
    for job in jobs:
        done = trial(FAULTS["rescale"](), job, monkeypatch)
        assert [step for step in done if step.startswith("relaunch")][1:] == [f"relaunch {n}" for n in (1, 3, 2, 1)]
        job.done.clear()
        done = trial(FAULTS["pause-broker"](), job, monkeypatch)
        assert done == ["SIGSTOP to broker", "broker broker stands still", "SIGCONT to broker"] * STRIKES


def test_the_faults_that_keep_something_are_among_those_compared():
    assert {"pause-broker", "pause-worker", "rescale", "squeeze-cpu", "squeeze-memory"} <= set(KEEPING)
