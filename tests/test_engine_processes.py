"""Whatever an engine starts is the engine's: found, held, struck, counted and ended, however it left its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from engines.proc import origin, read, state
from harness.faults.processes import kill_family
from harness.host import engine_processes, own
from harness.host.engine_processes import EngineProcesses
from harness.host.signals import held_still
from harness.host.subreaper import started_here, subreaper, wait_for
from harness.host.warden import Warden
from harness.instruments.channel import Instrument
from results.history import SAMPLES
from tests.made_up_processes import burn, worker
from tests.waiting import wait_until

SLEEP = "import time; time.sleep(600)"
LEAVES = f"leave({SLEEP!r}); print(1, flush=True); time.sleep(600)"


@pytest.fixture
def engine() -> Iterator[EngineProcesses]:
    with subreaper(), EngineProcesses() as found:
        yield found


def gone(pid: int) -> bool:
    return state(pid) in ("", "Z", "X")


def test_an_orphan_belongs_to_the_worker_under_which_it_was_seen(engine: EngineProcesses):
    # The process in between lives for long enough to be seen.
    between = "leave('import time; time.sleep(600)', 0.5)\nprint(1, flush=True); time.sleep(600)"
    idle = "print(1, flush=True); time.sleep(600)"
    with worker(between) as child, worker(idle) as other:
        wait_until(lambda: len(engine.descendants([child.pid])) == 2 and len(engine.pids()) == 3)
        (left,) = set(engine.descendants([child.pid])) - {child.pid}
        assert origin(left) == (os.getpid(), origin(left).started)
        assert engine.descendants([other.pid]) == [other.pid]
        assert engine.orphans() == []


def test_an_orphan_that_nobody_was_seen_to_start_is_the_engines_all_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_processes, "_LOOK_S", 600)
    with subreaper(), EngineProcesses() as engine, worker(LEAVES) as child:
        (left,) = set(engine.pids()) - {child.pid}
        assert engine.orphans() == [left]
        assert Path(f"/proc/{left}/environ").read_bytes() == b""


def test_what_is_ours_is_not_the_engines(engine: EngineProcesses):
    with worker(LEAVES) as ours:
        own.register(ours.pid)
        assert ours.pid not in engine.pids()
        assert ours.pid in engine.ours()
        wait_until(lambda: all(ours.pid not in engine.descendants([]) for _ in range(2)))


def test_what_was_there_before_is_not_the_engines():
    with worker("print(1, flush=True); time.sleep(600)") as before, EngineProcesses() as engine:
        assert before.pid not in engine.pids()
    assert before.returncode == -9


def test_all_that_a_worker_started_is_killed_with_it(engine: EngineProcesses):
    with worker(f"for _ in range(3): leave({SLEEP!r})\nprint(1, flush=True); time.sleep(600)") as child:
        everything = engine.pids()
        assert len(everything) == 4
        killed = kill_family([child.pid], engine.pids)
        assert set(killed) >= set(everything)
        assert all(gone(pid) for pid in everything)


FORKING = """
print(1, flush=True)
while True:
    if os.fork() == 0:
        time.sleep(0.05); os._exit(0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
    time.sleep(0.001)
"""


def test_a_process_that_starts_others_all_the_time_is_held_still_with_all_of_them(engine: EngineProcesses):
    with worker(FORKING) as child:
        with held_still([child.pid], engine.pids):
            held = set(engine.pids())
            assert {state(pid) for pid in held} <= {"T", "Z"}
            time.sleep(0.2)
            assert set(engine.pids()) == held
        wait_until(lambda: state(child.pid) != "T")


def test_nothing_of_the_engine_outlives_its_trial():
    with subreaper():
        with EngineProcesses() as engine, worker(LEAVES):
            left = engine.pids()
            assert len(left) == 2
        assert all(gone(pid) for pid in left)


def test_orphans_are_waited_for_with_all_that_they_took_and_no_child_of_ours_is(engine: EngineProcesses):
    with worker(f"leave({burn(0.3)!r})\nprint(1, flush=True); time.sleep(600)") as child:
        dead = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
        try:
            found = []
            wait_until(lambda: found.extend(engine.reap({"coordinator": [child.pid]})) or found)
            (orphan,) = found
            assert 0.3 <= orphan.cpu_s < 3
            wait_until(lambda: state(dead.pid) == "Z")
            assert dead.pid in started_here()
            for _ in range(3):
                assert engine.reap({}) == []
        finally:
            assert dead.wait() == 7


def sampled(folder: Path, role: str) -> float:
    """CPU seconds of all processes of a role."""
    table = pq.read_table(folder / "samples", schema=SAMPLES)
    mine = table.filter(pc.equal(table["role"], role))
    return float(pc.sum(mine.group_by("pid").aggregate([("cpu_s", "max")])["cpu_s_max"]).as_py() or 0)


@pytest.fixture
def sampling(tmp_path: Path, engine: EngineProcesses) -> Iterator[Instrument]:
    setup = {"folder": str(tmp_path), "director": os.getpid()}
    made = Instrument("sampler", "harness.instruments.sampler", setup, tmp_path / "log")
    made.wait_ready()
    yield made
    made.close()


def test_what_a_process_that_left_takes_is_counted_for_the_role_of_its_worker(
    tmp_path: Path, engine: EngineProcesses, sampling: Instrument
):
    with worker(f"leave({burn(0.6, 'time.sleep(600)')!r})\nprint(1, flush=True); time.sleep(600)") as child:
        sampling.ask({"do": "watch", "roles": {"worker": [child.pid], "": engine.ours()}}, 10)
        (left,) = set(engine.pids()) - {child.pid}
        wait_until(lambda: (found := read(left)) and found.cpu_s >= 0.5)
        sampling.close()
    assert 0.5 <= sampled(tmp_path, "worker") < 1.5


def test_orphans_that_end_between_two_samples_are_counted_too(
    tmp_path: Path, engine: EngineProcesses, sampling: Instrument
):
    with worker(f"for _ in range(10): leave({burn(0.05)!r})\nprint(1, flush=True); time.sleep(600)") as child:
        ended: list[dict[str, object]] = []
        wait_until(lambda: ended.extend(vars(one) for one in engine.reap({"worker": [child.pid]})) or len(ended) == 10)
        roles = {"worker": [child.pid], "": engine.ours()}
        sampling.ask({"do": "watch", "roles": roles, "ended": ended}, 10)
        sampling.close()
    assert 0.5 <= sampled(tmp_path, "worker") < 4


def test_what_a_parent_waited_for_is_not_counted_twice(tmp_path: Path, engine: EngineProcesses, sampling: Instrument):
    waits = f"import subprocess\nfor _ in range(2): subprocess.run([sys.executable, '-I', '-c', {burn(0.5)!r}])\n"
    with worker(f"{waits}print(1, flush=True); time.sleep(600)") as child:
        sampling.ask({"do": "watch", "roles": {"worker": [child.pid], "": engine.ours()}}, 10)
        taken = sum(map(int, Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
        sampling.close()
    ticks = os.sysconf("SC_CLK_TCK")
    assert sampled(tmp_path, "worker") == pytest.approx(taken / ticks, abs=0.25)


DIRECTOR = """
import subprocess, sys, time
from pathlib import Path
from harness.host.subreaper import subreaper
from harness.host.warden import Warden
from tests.made_up_processes import LEAVING
with subreaper(), Warden(sys.argv[1], Path(sys.argv[2])):
    subprocess.run([sys.executable, "-I", "-c", LEAVING + "leave('import time; time.sleep(600)')"])
    found = [int(line) for line in Path(f"/proc/self/task/{__import__('os').getpid()}/children").read_text().split()]
    print(*found, flush=True)
    time.sleep(600)
"""


def test_a_killed_run_leaves_no_process_that_had_left_it(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", DIRECTOR, f"test-{os.getpid()}-left", str(tmp_path / "scratch")], stdout=subprocess.PIPE
    ) as director:
        assert director.stdout is not None
        pids = [int(word) for word in director.stdout.readline().split()]
        assert len(pids) == 2
        time.sleep(1)  # The warden looks a few times a second.
        director.kill()
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_a_run_that_ends_well_leaves_none_either(tmp_path: Path):
    with subreaper(), Warden(f"test-{os.getpid()}-ends", tmp_path / "scratch"), worker(LEAVES):
        with EngineProcesses() as before:
            pass
        left = [pid for pid in before.ours() if state(pid) != "Z"]
        assert len(left) >= 3
    wait_until(lambda: all(gone(pid) for pid in left))
    for pid in left:
        wait_for(pid)  # An orphan became this process's child, and no trial is there that would wait for it.
