"""What the sampler records of the machine: held against what processes of this test really did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.host.machine_time import MachineTime, ahead_ns
from harness.host.run_queue import KernelThreads, RunQueue
from harness.instruments.channel import Instrument
from results.history import TABLES
from tests.made_up_processes import LEAVING, apart, burn
from tests.waiting import wait_until

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
QUIET_S = 0.5
"""Longer than the sampler needs from one sample to the next, also beside load."""


def read(folder: Path, name: str) -> dict[str, np.ndarray]:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / name, schema=TABLES[name])
    return {column: table[column].to_numpy() for column in table.schema.names}


@pytest.fixture
def sampler(tmp_path: Path) -> Iterator[Instrument]:
    """Of this process and what it starts."""
    setup = {"folder": str(tmp_path), "director": os.getpid()}
    made = Instrument("sampler", "harness.instruments.sampler", setup, tmp_path / "sampler.log")
    try:
        made.wait_ready()
        yield made
    finally:
        made.close()


def burnt_s(pid: int) -> float:
    """CPU seconds of a process that runs."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) * TICK_S


def taken_s(sampler: Instrument) -> float:
    """CPU seconds of this process, of all that it waited for, and of the sampler, which beside load takes more."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + burnt_s(sampler.pid)


def ended(sampler: Instrument) -> None:
    said = sampler.end()
    assert said["stored"]["machine"] > 0


def grown(machine: dict[str, np.ndarray], name: str, from_ns: int, until_ns: int) -> float:
    before, after = np.interp([from_ns, until_ns], machine["at_ns"], machine[name])
    return float(after - before)


def test_all_that_we_start_is_ours_however_shortly_it_lives(sampler: Instrument, tmp_path: Path) -> None:
    # What is read of a time between two samples is exact only where nothing is taken, so there is quiet at both ends.
    time.sleep(QUIET_S)
    from_ns, before_s = time.monotonic_ns(), taken_s(sampler)
    time.sleep(QUIET_S)
    with subprocess.Popen([sys.executable, "-I", "-c", burn(1.0)]) as long:
        for _ in range(20):
            # Each is gone before two samples of it could be taken.
            subprocess.run([sys.executable, "-I", "-c", burn(0.02)], check=True)
        long.wait()
    time.sleep(QUIET_S)
    until_ns, after_s = time.monotonic_ns(), taken_s(sampler)
    time.sleep(QUIET_S)
    ended(sampler)
    ours_s = grown(read(tmp_path, "machine"), "ours_s", from_ns, until_ns)
    own_s = after_s - before_s
    assert own_s > 1.4
    assert ours_s == pytest.approx(own_s, abs=0.15)


def test_what_others_take_is_not_ours(sampler: Instrument, tmp_path: Path) -> None:
    with apart(burn(600)) as pid:
        wait_until(lambda: burnt_s(pid) > 0.2)
        from_ns, before_s, own_before_s = time.monotonic_ns(), burnt_s(pid), taken_s(sampler)
        wait_until(lambda: burnt_s(pid) > before_s + 0.8)
        until_ns, after_s, own_after_s = time.monotonic_ns(), burnt_s(pid), taken_s(sampler)
        time.sleep(0.3)
    ended(sampler)
    machine = read(tmp_path, "machine")
    burner_s = after_s - before_s
    foreign_s = grown(machine, "busy_s", from_ns, until_ns) - grown(machine, "ours_s", from_ns, until_ns)
    assert foreign_s >= burner_s - 0.15
    assert grown(machine, "ours_s", from_ns, until_ns) == pytest.approx(own_after_s - own_before_s, abs=0.2)


def test_an_orphan_is_ours_also_after_it_left(sampler: Instrument, tmp_path: Path) -> None:
    program = f"{LEAVING}\nprint(flush=True)\nleave({burn(0.613)!r}, after_s=0.4)\ntime.sleep(0.5)"
    from_ns = time.monotonic_ns()
    with subprocess.Popen([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE) as child:
        child.wait()
    processes = ["ps", "-ww", "-eo", "args"]
    wait_until(lambda: "< 0.613" not in subprocess.run(processes, capture_output=True, text=True, check=True).stdout)
    until_ns = time.monotonic_ns()
    time.sleep(0.3)
    ended(sampler)
    assert grown(read(tmp_path, "machine"), "ours_s", from_ns, until_ns) >= 0.4


def test_a_process_of_ours_that_is_stopped_is_recorded_with_its_name(sampler: Instrument, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-I", "-c", burn(600)]) as child:
        steady = {"proxy": [child.pid], "director": [os.getpid()]}
        sampler.ask({"do": "watch", "roles": {"sampler": [sampler.pid]}, "steady": steady}, 10)
        time.sleep(0.4)
        child.send_signal(signal.SIGSTOP)
        time.sleep(0.8)
        child.send_signal(signal.SIGCONT)
        time.sleep(0.4)
        child.kill()
    ended(sampler)
    stops = read(tmp_path, "stops")
    assert stops["name"].tolist() == ["proxy"]
    assert stops["pid"].tolist() == [child.pid]
    assert (stops["until_ns"] - stops["from_ns"])[0] / 1e9 >= 0.5


def test_counters_are_those_of_the_kernel_and_only_grow(sampler: Instrument, tmp_path: Path) -> None:
    cpus = os.sched_getaffinity(0)
    direct, before_ns = MachineTime(cpus).cpu_time(), time.monotonic_ns()
    time.sleep(1.2)
    ended(sampler)
    machine = read(tmp_path, "machine")
    assert set(machine["cpus"].tolist()) == {len(cpus)}
    busy_s = float(np.interp(before_ns, machine["at_ns"], machine["busy_s"]))
    assert busy_s == pytest.approx(direct.busy_s, abs=0.2 * len(cpus) + 0.1)
    for name in ("busy_s", "steal_s", "ours_s", "waited_s", "kernel_s"):
        known = machine[name][~np.isnan(machine[name])]
        assert np.all(np.diff(known) >= -TICK_S), name
    lasted_s = float(machine["at_ns"][-1] - machine["at_ns"][0]) / 1e9
    spent_s = sum(float(machine[name][-1] - machine[name][0]) for name in ("busy_s", "idle_s", "steal_s"))
    assert spent_s == pytest.approx(lasted_s * len(cpus), rel=0.25, abs=0.2)


def test_clocks_are_read_together() -> None:
    boot = [ahead_ns(time.CLOCK_BOOTTIME) for _ in range(20)]
    wall = [ahead_ns(time.CLOCK_REALTIME) for _ in range(20)]
    assert max(boot) - min(boot) < 5_000_000
    assert max(wall) - min(wall) < 5_000_000
    direct_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
    assert abs(wall[0] - direct_ns) < 500_000_000


def test_a_thread_that_shares_a_cpu_waited_for_it() -> None:
    cpu = min(os.sched_getaffinity(0))
    pin = f"import os; os.sched_setaffinity(0, [{cpu}])\n"
    with (
        subprocess.Popen([sys.executable, "-I", "-c", pin + burn(600)]) as one,
        subprocess.Popen([sys.executable, "-I", "-c", pin + burn(600)]) as two,
    ):
        queue = RunQueue()
        queue.look([one.pid, two.pid])
        before_s = queue.waited_s

        def waited() -> bool:
            queue.look([one.pid, two.pid])
            return queue.waited_s > before_s + 0.3

        wait_until(waited)
        one.kill()
        two.kill()


def test_kernel_threads_are_told_from_processes() -> None:
    threads = KernelThreads(os.sched_getaffinity(0))
    threads.look()
    kernel = Path("/proc/2/comm")
    assert threads.seen == (kernel.exists() and kernel.read_text().strip() == "kthreadd")
    assert threads.cpu_s == 0, "what they took before the first look is no growth"
