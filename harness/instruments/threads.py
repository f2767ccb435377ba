"""What the threads of a process took, by their names: of a JVM, which part its compiler and its collector are.

Names are as the kernel has them (15 characters), without the number at their end: `C2 CompilerThre`, `GC Thread`.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from engines import proc
from results.history import ENDED_THREADS, TableWriter

LOOK_S = 1.0

_NUMBER = re.compile(r"[-#_ ]*\d+$")

ThreadRow = tuple[int, int, str, float]
"""When (ns), pid, name, and CPU seconds until then."""


class Threads:
    """The threads of one process. A name's figure holds what its threads had taken when they were last seen."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._living: dict[tuple[int, int], tuple[str, float]] = {}
        """Name and CPU seconds of each thread, by its id and when it began."""
        self._dead_s: defaultdict[str, float] = defaultdict(float)
        """CPU seconds, as last seen, of threads that ended."""
        self._ended_s = 0.0

    def look(self) -> dict[str, float]:
        """CPU seconds by name; none if the process is gone.

        What no look saw, of threads that ended in between, has the name ENDED_THREADS.
        """
        try:
            whole = proc.thread(Path(f"/proc/{self._pid}/stat").read_bytes())
            ids = os.listdir(f"/proc/{self._pid}/task")  # noqa: PTH208 - as in Lineage: ten times as fast
        except OSError:
            return {}
        seen = {}
        for task in ids:
            with suppress(OSError):  # It ended meanwhile.
                one = proc.thread(Path(f"/proc/{self._pid}/task/{task}/stat").read_bytes())
                seen[int(task), one.started] = (_NUMBER.sub("", one.name), one.cpu_s)
        for key in self._living.keys() - seen.keys():
            name, cpu_s = self._living[key]
            self._dead_s[name] += cpu_s
        self._living = seen
        found = defaultdict(float, self._dead_s)
        for name, cpu_s in seen.values():
            found[name] += cpu_s
        # The whole was read first, and threads go on: it may be the smaller one.
        self._ended_s = max(self._ended_s, whole.cpu_s - sum(found.values()))
        return {**found, ENDED_THREADS: self._ended_s}


class ThreadTable:
    """The table `threads` of a history."""

    def __init__(self, folder: Path) -> None:
        self._table = TableWriter(folder, "threads")
        self._threads: dict[int, Threads] = {}
        self._rows: list[ThreadRow] = []
        self._next_ns = 0

    @property
    def rows(self) -> int:
        """How many are stored."""
        return self._table.rows

    def look(self, at_ns: int, pids: Iterable[int]) -> None:
        """Once a second, look at the threads of these processes."""
        if at_ns < self._next_ns:
            return
        self._next_ns = at_ns + int(LOOK_S * 1e9)
        self._threads = {pid: self._threads.get(pid) or Threads(pid) for pid in pids}
        for pid, threads in self._threads.items():
            self._rows += [(at_ns, pid, name, cpu_s) for name, cpu_s in threads.look().items()]

    def store(self, role_of: Callable[[int], str], roles: Iterable[str], until_ns: int | None = None) -> None:
        """Store the rows of processes of these roles, up to a time or all; forget the others up to then."""
        due = [row for row in self._rows if until_ns is None or row[0] <= until_ns]
        self._rows = [row for row in self._rows if until_ns is not None and row[0] > until_ns]
        kept = [(at_ns, role, pid, *rest) for at_ns, pid, *rest in due if (role := role_of(pid)) in set(roles)]
        if kept:
            columns = ("at_ns", "role", "pid", "name", "cpu_s")
            self._table.write(dict(zip(columns, map(list, zip(*kept, strict=True)), strict=True)))
