"""An engine has CPUs of its own where there are enough, and what was done is known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.host import pinning
from harness.host.pinning import move, shared_out, starting_on
from results.plan import Pinned

PAIRS = [{0, 4}, {1, 5}, {2, 6}, {3, 7}]


@pytest.mark.parametrize(
    ("cpus", "siblings", "engine", "rest"),
    [
        (range(4), [], (0, 1), (2, 3)),
        (range(5), [], (0, 1, 2), (3, 4)),
        (range(8), PAIRS, (0, 1, 4, 5), (2, 3, 6, 7)),
        ({0, 1, 2, 4, 5, 6}, PAIRS, (0, 1, 4, 5), (2, 6)),
        ({1, 3, 9, 11}, [{1, 9}, {3, 11}], (1, 9), (3, 11)),
    ],
)
def test_half_of_the_cores_are_the_engines_and_threads_of_a_core_stay_together(cpus, siblings, engine, rest):
    assert shared_out(set(cpus), siblings) == Pinned(engine=engine, rest=rest)


@pytest.mark.parametrize(
    ("cpus", "siblings", "why"), [({0, 1, 2}, [], "3 CPUs"), (set(range(4)), [set(range(4))], "threads of one core")]
)
def test_where_there_are_too_few_nothing_is_pinned_and_it_is_said_why(cpus, siblings, why):
    told = shared_out(cpus, siblings)
    assert (told.engine, told.rest) == ((), ())
    assert why in told.why


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU: there is no other to be on")
def test_what_is_started_and_what_is_moved_is_on_its_cpus_and_we_are_where_we_were():
    mine = os.sched_getaffinity(0)
    first, second = sorted(mine)[:2]
    threads = "import threading, sys; threading.Thread(target=sys.stdin.read).start(); print(flush=True)"
    with starting_on({first}):
        child = subprocess.Popen([sys.executable, "-c", threads], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert os.sched_getaffinity(0) == mine
        child.stdout.readline()
        assert on(child.pid) == [{first}] * 2
        move([child.pid, 2**22 - 1], {second})  # The other is not there.
        assert on(child.pid) == [{second}] * 2
        move([child.pid], ())
        assert on(child.pid) == [{second}] * 2
    finally:
        child.stdin.close()
        child.wait(30)
        child.stdout.close()


def on(pid: int) -> list[set[int]]:
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


def test_this_machine_is_shared_out_whole_or_not_at_all():
    told = pinning.here()
    assert told.why or {*told.engine, *told.rest} == os.sched_getaffinity(0)
