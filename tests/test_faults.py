"""Faults do what they say to real processes, prove it, and undo it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engines.proc import state
from harness.faults import discover
from harness.faults.fault import Fault, Target, Unconfirmed
from harness.host.disk import lacking

FAULTS = {name: found for name, found in discover().items() if hasattr(found, "inject")}


@dataclass
class Job:
    """Processes that only wait, and a record of what was asked of their operator."""

    roles: dict[str, list[subprocess.Popen[bytes]]]
    asked: list[str] = field(default_factory=list)
    idle: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def target(self) -> Target:
        return Target(
            processes=lambda: {role: [one.pid for one in some] for role, some in self.roles.items()},
            occupied=lambda: [one.pid for one in self.roles["worker"] if one not in self.idle],
            revive=lambda: self.asked.append("revive"),
            halt=lambda: self.asked.append("halt"),
            relaunch=lambda parallelism: self.asked.append(f"relaunch {parallelism}"),
            broker=None,
            link=None,
            state=Path(),
            write=lambda key, value: self.asked.append(f"write {value!r}"),
            parallelism=2,
            chance=random.Random(1),
        )

    def states(self, role: str) -> list[str]:
        return [state(one.pid) for one in self.roles[role]]


@pytest.fixture
def job() -> Iterator[Job]:
    wait = [sys.executable, "-I", "-c", "import signal; print(1, flush=True); signal.pause()"]
    roles = {
        role: [subprocess.Popen(wait, stdout=subprocess.PIPE) for _ in range(count)]
        for role, count in (("worker", 2), ("coordinator", 1))
    }
    processes = [one for some in roles.values() for one in some]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    yield Job(roles)
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_every_fault_of_the_folder_is_found_under_its_own_name():
    assert {
        "cut-network", "delay-network", "fill-disk", "kill-all", "kill-broker", "kill-coordinator", "kill-worker",
        "pause-broker", "pause-worker", "poison", "rescale", "restart", "squeeze-cpu", "squeeze-memory",
        "throttle-network",
    } <= set(FAULTS)  # fmt: skip
    assert all(found.story and name == found.name for name, found in FAULTS.items())


def test_a_killed_worker_is_gone_and_the_other_is_not(job: Job):
    fault = FAULTS["kill-worker"]()
    fault.inject(job.target())
    assert sorted(state == "Z" for state in job.states("worker")) == [False, True]
    assert job.states("coordinator") != ["Z"]
    fault.heal(job.target())
    assert job.asked == ["revive"]


@pytest.mark.parametrize("name", ["kill-worker", "pause-worker", "squeeze-memory"])
def test_a_worker_that_only_stands_by_is_no_victim(job: Job, name: str):
    job.idle = job.roles["worker"][:1]
    fault = FAULTS[name]()
    done = [fault.inject(job.target()) for _ in range(6)]
    assert {f"worker {job.roles['worker'][1].pid}" in said for said in done} == {True}
    fault.heal(job.target())


def test_a_killed_coordinator_is_gone_and_the_job_is_submitted_again(job: Job):
    fault = FAULTS["kill-coordinator"]()
    fault.inject(job.target())
    assert job.states("coordinator") == ["Z"]
    assert "Z" not in job.states("worker")
    fault.heal(job.target())
    assert job.asked == ["relaunch None"]


def test_all_means_all(job: Job):
    FAULTS["kill-all"]().inject(job.target())
    assert job.states("worker") + job.states("coordinator") == ["Z"] * 3


def test_a_paused_worker_stands_still_until_it_is_healed(job: Job):
    fault = FAULTS["pause-worker"]()
    fault.inject(job.target())
    assert sorted(state == "T" for state in job.states("worker")) == [False, True]
    fault.heal(job.target())
    assert "T" not in job.states("worker")


def test_rescaling_goes_down_up_and_back(job: Job):
    fault = FAULTS["rescale"]()
    for _ in range(3):
        fault.inject(job.target())
        fault.heal(job.target())
    assert job.asked == ["halt", "relaunch 1", "halt", "relaunch 3", "halt", "relaunch 2"]


def test_a_restart_has_struck_once_the_job_is_stopped_and_is_healed_once_it_is_back(job: Job):
    fault = FAULTS["restart"]()
    fault.inject(job.target())
    assert job.asked == ["halt"]
    fault.heal(job.target())
    assert job.asked == ["halt", "relaunch None"]


def test_cores_are_taken_and_given_back(job: Job):
    fault = FAULTS["squeeze-cpu"]()
    fault.inject(job.target())
    burners = [burner.pid for burner in fault._burners]
    assert {state(pid) for pid in burners} <= {"R", "S"}
    fault.heal(job.target())
    assert {state(pid) for pid in burners} == {""}


@pytest.mark.parametrize("name", ["cut-network", "kill-broker", "pause-broker", "delay-network", "fill-disk"])
def test_what_the_trial_lacks_is_said_and_never_counted_as_done(job: Job, name: str):
    fault: Fault = FAULTS[name]()
    assert "the trial has no" in str(job.target().lacks(fault.needs))
    with pytest.raises(Unconfirmed):
        fault.inject(job.target())
    fault.heal(job.target())


def test_a_process_that_does_not_die_leaves_the_fault_unconfirmed(job: Job, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("harness.faults.processes._CONFIRM_S", 0.05)
    monkeypatch.setattr("os.kill", lambda *_: None)
    with pytest.raises(Unconfirmed, match="be gone after SIGKILL"):
        FAULTS["kill-worker"]().inject(job.target())


_HUNGRY = """
import sys
print(1, flush=True)
for line in sys.stdin:
    try:
        bytearray(64 << 20)
        print("had", flush=True)
    except MemoryError:
        print("refused", flush=True)
"""


def test_a_worker_under_a_memory_squeeze_is_refused_what_it_gets_before_and_after(job: Job):
    with subprocess.Popen(
        [sys.executable, "-I", "-c", _HUNGRY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdout.readline()

        def ask() -> str:
            worker.stdin.write("more\n")
            return worker.stdout.readline().strip()

        squeezed = replace(job.target(), occupied=lambda: [worker.pid])
        fault = FAULTS["squeeze-memory"]()
        assert ask() == "had"
        fault.inject(squeezed)
        assert ask() == "refused"
        fault.heal(squeezed)
        assert ask() == "had"
        worker.stdin.close()
    assert job.asked == ["revive"]


_FULL_DISK = """
import errno, sys
from pathlib import Path
from types import SimpleNamespace
from harness.host.disk import SmallDisk, separate
from harness.faults.fault import Unconfirmed
from harness.faults.fill_disk import FillDisk

separate()
fault = FillDisk()
folder = Path(sys.argv[1])
disk = SmallDisk(folder)
target = SimpleNamespace(disk=disk, revive=lambda: print("revived"))
try:
    fault.inject(target)
except Unconfirmed as error:
    print(error)
(folder / "state").write_bytes(b"kept")
fault.inject(target)
try:
    (folder / "more").write_bytes(b"x")
except OSError as error:
    print(errno.errorcode[error.errno])
fault.heal(target)
(folder / "more").write_bytes(b"x")
print((folder / "state").read_bytes())
if sys.argv[2] == "close":
    disk.close()
    print(list(folder.iterdir()))
"""


@pytest.mark.skipif(lacking() is not None, reason=f"no disk of the job's own: {lacking()}")
@pytest.mark.parametrize("end", ["close", "leave"])
def test_a_full_disk_takes_nothing_until_it_is_healed_and_no_mount_is_left(tmp_path: Path, end: str):
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, tmp_path, end], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "the job keeps nothing in its state directory, so a full disk cannot hurt it",
        "ENOSPC",
        "revived",
        "b'kept'",
        *(["[]"] if end == "close" else []),
    ], done.stderr
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    assert list(tmp_path.iterdir()) == []
