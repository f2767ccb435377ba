"""The sampler: reads CPU and memory of every process of a trial from /proc, in a process of its own.

CPU and resident size are read every SAMPLE_S; the proportional set size, which shares out what processes share but
costs the kernel milliseconds for a large process, every PSS_S.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from engines import proc
from harness.instruments.channel import Commands, EndOfInput, answer, failures_told, now_ns
from results.history import TableWriter

SAMPLE_S = 0.1
PSS_S = 2.0
_STORE_S = 5.0
_STAT_BYTES = 4096
_SMAPS_BYTES = 4096


class Statistics:
    """A process's figures, read from files that are kept open: opening them each time would cost five times as much."""

    def __init__(self, pid: int) -> None:
        """Raises OSError if the process is gone."""
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            self._smaps = os.open(f"/proc/{pid}/smaps_rollup", os.O_RDONLY)
        except OSError:
            os.close(self._stat)
            raise

    def cpu_and_rss(self) -> tuple[float, int] | None:
        """CPU seconds (user and system, waited-for children included) and resident bytes; None if it is gone."""
        try:
            stat = os.pread(self._stat, _STAT_BYTES, 0)
        except OSError:
            return None
        found = proc.parse(stat)
        return found.cpu_s, found.rss_bytes

    def pss(self) -> int | None:
        """Proportional set size in bytes; None if the process is gone or only its parent waits for it."""
        try:
            lines = os.pread(self._smaps, _SMAPS_BYTES, 0).splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:")), None)

    def close(self) -> None:
        os.close(self._stat)
        os.close(self._smaps)


class Sampler:
    """Samples the processes it is told to watch."""

    def __init__(self, folder: Path) -> None:
        self._table = TableWriter(folder, "samples")
        self._roles: dict[int, str] = {}
        self._open: dict[int, Statistics] = {}
        self._rows: list[tuple[int, str, int, float, int, int | None]] = []
        self._next_pss_ns = self._stored_ns = 0

    def watch(self, roles: dict[str, list[int]]) -> None:
        """Watch these processes, by role, instead of those so far."""
        self._roles = {pid: role for role, pids in roles.items() for pid in pids}
        for pid in self._open.keys() - self._roles.keys():
            self._open.pop(pid).close()
        for pid in self._roles.keys() - self._open.keys():
            with suppress(OSError):  # It ended meanwhile.
                self._open[pid] = Statistics(pid)
        self._next_pss_ns = 0

    def sample(self) -> None:
        at_ns = now_ns()
        with_pss = at_ns >= self._next_pss_ns
        for pid, statistics in self._open.items():
            read = statistics.cpu_and_rss()
            if read is not None:
                self._rows.append((at_ns, self._roles[pid], pid, *read, statistics.pss() if with_pss else None))
        if with_pss:
            self._next_pss_ns = at_ns + int(PSS_S * 1e9)
        if at_ns - self._stored_ns >= _STORE_S * 1e9:
            self.store()

    @property
    def stored(self) -> dict[str, int]:
        """Rows by table."""
        return {"samples": self._table.rows}

    def store(self) -> None:
        self._stored_ns = now_ns()
        if self._rows:
            columns = ("at_ns", "role", "pid", "cpu_s", "rss_bytes", "pss_bytes")
            self._table.write(dict(zip(columns, map(list, zip(*self._rows, strict=True)), strict=True)))
            self._rows = []


def main() -> None:
    commands = Commands()
    with failures_told():
        sampler = Sampler(Path(commands.setup["folder"]))
        answer({"did": "setup"})
        with suppress(EndOfInput):
            _sample(commands, sampler)
        sampler.store()
        answer({"did": "end", "stored": sampler.stored})


def _sample(commands: Commands, sampler: Sampler) -> None:
    """Until the end of input, which is raised as EndOfInput."""
    due_ns = now_ns()
    while True:
        sampler.sample()
        due_ns = max(due_ns + int(SAMPLE_S * 1e9), now_ns())
        while (left_s := (due_ns - now_ns()) / 1e9) > 0:
            command: dict[str, Any] | None = commands.next(left_s)
            if command is not None:
                sampler.watch(command["roles"])
                answer({"did": "watch"})


if __name__ == "__main__":
    main()
