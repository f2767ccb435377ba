"""What threads of a process took, told apart by their names, of real processes whose threads burn CPU."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engines import proc
from harness.instruments.channel import Instrument
from harness.instruments.engine_cpu import EngineCpu
from harness.instruments.threads import Threads, ThreadTable
from harness.provisioning.java import find_java
from results.evidence.jvm_threads import classes
from results.history import ENDED_THREADS, THREADS
from tests.waiting import wait_until

SECOND = 1_000_000_000

BURNER = """
import ctypes, sys, threading, time

libc = ctypes.CDLL(None)

def burn(name, seconds):
    libc.prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

for line in sys.stdin:
    name, seconds, stays_s = line.split(",")
    burned = threading.Event()
    def body(name=name, seconds=float(seconds), stays_s=float(stays_s)):
        burn(name, seconds)
        burned.set()
        time.sleep(stays_s)
    threading.Thread(target=body, daemon=True).start()
    burned.wait()
    print("done", flush=True)
"""


class Burner:
    """A process of which threads burn as they are told to."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child, self.pid = child, child.pid

    def burn(self, name: str, seconds: float, stays_s: float = 600) -> None:
        """A new thread of that name burns so many CPU seconds, and then stays for some time without burning."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(f"{name},{seconds},{stays_s}\n")
        self._child.stdin.flush()
        assert self._child.stdout.readline() == "done\n"

    def end(self) -> None:
        self._child.kill()
        self._child.wait()

    @property
    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


@pytest.fixture
def burner() -> Iterator[Burner]:
    command = [sys.executable, "-c", BURNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield Burner(child)
        finally:
            child.kill()


def test_threads_are_told_apart_by_their_names_without_numbers(burner: Burner) -> None:
    burner.burn("C2 CompilerThre", 0.5)
    burner.burn("GC Thread#0", 0.2)
    burner.burn("GC Thread#1", 0.2)
    found = Threads(burner.pid).look()
    assert found["C2 CompilerThre"] == pytest.approx(0.5, abs=0.05)
    assert found["GC Thread"] == pytest.approx(0.4, abs=0.05)


def test_a_thread_that_ended_keeps_what_it_was_seen_with_and_the_rest_is_of_no_name(burner: Burner) -> None:
    burner.burn("C2 CompilerThre", 0.3)
    threads, before = Threads(burner.pid), burner.threads
    first = threads.look()
    burner.burn("C1 CompilerThre", 0.4, stays_s=0)
    wait_until(lambda: burner.threads == before)
    second = threads.look()
    assert "C1 CompilerThre" not in second, "it came and went between two looks"
    assert second[ENDED_THREADS] - first.get(ENDED_THREADS, 0) == pytest.approx(0.4, abs=0.05)
    assert second["C2 CompilerThre"] == first["C2 CompilerThre"]


def test_a_thread_that_was_seen_before_it_ended_counts_under_its_name(burner: Burner) -> None:
    threads, before = Threads(burner.pid), burner.threads
    burner.burn("GC Thread#0", 0.3, stays_s=1)
    seen = threads.look()["GC Thread"]
    assert seen == pytest.approx(0.3, abs=0.05)
    wait_until(lambda: burner.threads == before)
    assert threads.look()["GC Thread"] == seen
    burner.burn("GC Thread#0", 0.2)
    assert threads.look()["GC Thread"] == pytest.approx(0.5, abs=0.05), "its successor is added"


def test_a_process_that_is_gone_has_no_threads(burner: Burner) -> None:
    threads = Threads(burner.pid)
    assert threads.look()
    burner.end()
    assert threads.look() == {}


def test_names_and_what_ended_are_all_that_the_process_took(burner: Burner) -> None:
    burner.burn("one", 0.2)
    burner.burn("two", 0.2, stays_s=0)
    found = Threads(burner.pid).look()
    whole = proc.thread(Path(f"/proc/{burner.pid}/stat").read_bytes()).cpu_s
    assert sum(found.values()) == pytest.approx(whole, abs=0.05)


def test_what_a_name_took_never_falls(burner: Burner) -> None:
    threads, seen = Threads(burner.pid), []
    for number in range(6):
        burner.burn(f"worker-{number}", 0.05, stays_s=600 * (number % 2))
        seen.append(threads.look())
    for before, after in pairwise(seen):
        assert all(after[name] >= cpu_s for name, cpu_s in before.items())


def test_only_roles_that_are_asked_for_are_stored_once_a_second(burner: Burner, tmp_path: Path) -> None:
    burner.burn("C2 CompilerThre", 0.1)
    table = ThreadTable(tmp_path)
    for at_ns in (SECOND, int(1.5 * SECOND), 2 * SECOND):
        table.look(at_ns, [burner.pid])
    table.store(lambda _: "generator", ["worker"])
    assert table.rows == 0
    for at_ns in (3 * SECOND, 4 * SECOND):
        table.look(at_ns, [burner.pid])
    table.store(lambda _: "worker", ["worker"], until_ns=3 * SECOND)
    table.store(lambda _: "worker", ["worker"])
    stored = pq.read_table(tmp_path / "threads", schema=THREADS)
    assert sorted(set(stored["at_ns"].to_pylist())) == [3 * SECOND, 4 * SECOND]
    assert table.rows == stored.num_rows
    assert "C2 CompilerThre" in stored["name"].to_pylist()


def test_the_sampler_stores_threads_and_tells_what_the_engine_took(burner: Burner, tmp_path: Path) -> None:
    sampler = Instrument("sampler", "harness.instruments.sampler", {"folder": str(tmp_path)}, tmp_path / "sampler.log")
    sampler.wait_ready()
    roles = {"worker": [burner.pid], "sampler": [sampler.pid]}
    sampler.ask({"do": "watch", "roles": roles}, 10)
    before_ns = time.monotonic_ns()
    burner.burn("G1 Service", 0.5)
    after_ns = time.monotonic_ns()
    burner.burn("other", 1.0)
    spent_s = sampler.ask({"do": "cpu", "from_ns": before_ns, "until_ns": after_ns}, 10)["cpu_s"]
    assert spent_s == pytest.approx(0.5, abs=0.15), "up to then, whatever came after it"
    stored = sampler.end()["stored"]
    table = pq.read_table(tmp_path / "threads", schema=THREADS)
    assert stored["threads"] == table.num_rows > 0
    assert set(table["role"].to_pylist()) == {"worker"}


def test_cpu_of_the_engine_is_interpolated_and_holds_what_is_gone() -> None:
    cpu = EngineCpu()
    assert cpu.at(5) == 0
    cpu.add(10 * SECOND, [(1, 2.0), (2, 1.0), (9, 50.0)], lambda pid: pid != 9)
    cpu.add(12 * SECOND, [(1, 4.0), (9, 60.0)], lambda pid: pid != 9)
    assert cpu.at(11 * SECOND) == pytest.approx(4.0)
    assert cpu.at(30 * SECOND) == pytest.approx(5.0)
    cpu.add(60 * SECOND, [(1, 4.5)], lambda pid: pid != 9)
    assert cpu.at(60 * SECOND) == pytest.approx(5.5), "of the one that is long gone, too"
    assert cpu.at(0) == pytest.approx(3.0)


BUSY = """
class Busy {
    static int turn(int seed, int n) { return n % 7 == 0 ? seed * 31 + n : seed ^ (n << 3); }
    public static void main(String[] words) {
        int sum = 0;
        for (int n = 0; n < 50_000_000; n++) sum = turn(sum, n);
        byte[][] kept = new byte[64][];
        for (int n = 0; n < 100_000; n++) kept[n % kept.length] = new byte[50_000];
        System.out.println(sum);
        try { Thread.sleep(600_000); } catch (InterruptedException over) { }
    }
}
"""


@contextmanager
def java(folder: Path, *options: str) -> Iterator[int]:
    """Pid of a JVM that compiled and collected, and now sleeps."""
    source = folder / "Busy.java"
    source.write_text(BUSY)
    command = [str(find_java(17).home / "bin" / "java"), "-Xmx32m", *options, str(source)]
    # Tests have options of their own there, which name a collector.
    own = {name: value for name, value in os.environ.items() if name != "JAVA_TOOL_OPTIONS"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline().strip().lstrip("-").isdigit()
            yield child.pid
        finally:
            child.kill()


@pytest.mark.java
@pytest.mark.parametrize("collector", ["Serial", "G1", "Parallel"])
def test_the_compiler_and_the_collector_of_a_real_jvm_are_known_by_their_names(tmp_path: Path, collector: str) -> None:
    with java(tmp_path, f"-XX:+Use{collector}GC") as pid:
        found = Threads(pid).look()
    kinds = classes(found)
    seconds = {kind: sum(found[name] for name in found if kinds[name] == kind) for kind in ("jit", "gc", "other")}
    assert min(seconds.values()) > 0, found
    assert kinds["VM Thread"] == ("gc" if collector == "Serial" else "other")
