"""What the machine did beside a trial, sample by sample, and when one of our processes stood still."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from harness.host.machine_time import MachineTime, ahead_ns
from harness.host.run_queue import KernelThreads, RunQueue, Seldom
from results.history import MACHINE, TableWriter

THREADS_S = 0.5
"""Threads are looked at so often, or more rarely where that takes long."""

_STOPPED = ("T", "t")


class MachineRecord:
    """Appends to the tables `machine` and `stops` of a history."""

    def __init__(self, folder: Path, director: int) -> None:
        """director: pid; we may use the CPUs that it may."""
        cpus = os.sched_getaffinity(director)
        self._cpus, self._time = len(cpus), MachineTime(cpus)
        self._kernel, self._threads = KernelThreads(cpus), RunQueue()
        self._looks = Seldom(THREADS_S)
        self._machine, self._stops = TableWriter(folder, "machine"), TableWriter(folder, "stops")
        self._rows: list[dict[str, Any]] = []
        self._stopped: dict[tuple[str, int], int] = {}
        """Since when those stand still that do: their name and pid."""
        self._ended: list[tuple[int, int, str, int]] = []

    def note(self, at_ns: int, ours_s: float, pids: Collection[int]) -> None:
        """A sample. ours_s: CPU seconds of all processes of ours since some time in the past. pids: of those that are
        there now.
        """
        cpu = self._time.cpu_time()
        row: dict[str, Any] = dict.fromkeys(MACHINE.names) | {
            "at_ns": at_ns,
            "cpus": self._cpus,
            "busy_s": cpu.busy_s,
            "idle_s": cpu.idle_s,
            "steal_s": cpu.steal_s,
            "ours_s": ours_s,
            "throttled_s": self._time.throttled_s(),
            "asleep_ns": ahead_ns(time.CLOCK_BOOTTIME),
            "wall_ahead_ns": ahead_ns(time.CLOCK_REALTIME),
        }
        row |= {f"{what}_pressure_s": self._time.pressure_s(what) for what in ("cpu", "io", "memory")}
        if self._looks.due():
            began_s = time.monotonic()
            self._threads.look(pids)
            self._kernel.look()
            self._looks.did(began_s)
            row |= {"waited_s": self._threads.waited_s}
            row |= {"kernel_s": self._kernel.cpu_s} if self._kernel.seen else {}
        self._rows.append(row)

    def stand_still(self, at_ns: int, states: Mapping[tuple[str, int], str]) -> None:
        """states: of each process that is to go on all the time, by its name and pid, the letter of /proc."""
        stopped = {one for one, state in states.items() if state in _STOPPED}
        for one in self._stopped.keys() - stopped:
            self._ended.append((self._stopped.pop(one), at_ns, *one))
        for one in stopped - self._stopped.keys():
            self._stopped[one] = at_ns

    def store(self) -> None:
        """Store what was noted so far."""
        rows, self._rows = self._rows, []
        if rows:
            self._machine.write({name: [row[name] for row in rows] for name in MACHINE.names})
        ended, self._ended = self._ended, []
        if ended:
            self._stops.write(dict(zip(("from_ns", "until_ns", "name", "pid"), zip(*ended, strict=True), strict=True)))

    @property
    def stored(self) -> dict[str, int]:
        """Rows by table."""
        return {"machine": self._machine.rows, "stops": self._stops.rows}
