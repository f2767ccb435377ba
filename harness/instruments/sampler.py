"""The sampler: reads CPU and memory of every process of a trial from /proc, in a process of its own, and what the
machine did beside it.

CPU and resident size are read every SAMPLE_S; the proportional set size, which shares out what processes share but
costs the kernel milliseconds for a large process, every PSS_S. Besides those that it is told of, it looks for every
descendant of the process that directs the trial, at each sample.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import proc
from harness.host.lineage import Lineage
from harness.instruments.channel import Commands, EndOfInput, answer, failures_told, now_ns
from harness.instruments.engine_cpu import EngineCpu
from harness.instruments.machine_record import MachineRecord
from harness.instruments.threads import ThreadTable
from results.history import TableWriter

SAMPLE_S = 0.1
PSS_S = 2.0
_STORE_S = 5.0
_STAT_BYTES = 4096
_SMAPS_BYTES = 4096
UNNAMED = "worker"
"""The role of a process that the engine started, and that descends from none which the engine names."""

ENGINE = ("worker", "coordinator")
WITH_THREADS = (*ENGINE, "broker")
"""The roles of processes of which threads are told apart."""

OURS = ""
"""In place of a role: a process of the harness that is not sampled."""


class Statistics:
    """A process's figures. Its `stat` is kept open: opening it each time would cost five times as much."""

    def __init__(self, pid: int) -> None:
        """Raises OSError if the process is gone."""
        self._pid = pid
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        self.waited_s = 0.0
        """Of the CPU seconds that were read last, those of waited-for children."""
        self.state = ""
        """Letter of its state, as read last."""

    def cpu_and_rss(self) -> tuple[float, int] | None:
        """CPU seconds (user and system, waited-for children included) and resident bytes; None if it is gone."""
        try:
            stat = os.pread(self._stat, _STAT_BYTES, 0)
        except OSError:
            return None
        self.waited_s, found = proc.waited_s(stat), proc.parse(stat)
        self.state = found.state
        return found.cpu_s, found.rss_bytes

    def pss(self) -> int | None:
        """Proportional set size in bytes; None if the process is gone or only its parent waits for it."""
        # Opened anew: a file that is kept open shows the memory from before the process became another program.
        try:
            lines = Path(f"/proc/{self._pid}/smaps_rollup").read_bytes().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:")), None)

    def close(self) -> None:
        os.close(self._stat)


@dataclass
class SampledProcess:
    """A process that is sampled, and what its children that were sampled themselves have added to its CPU."""

    statistics: Statistics
    """Reads the process's CPU and memory."""
    cpu_s: float = 0.0
    """CPU seconds, as read last, with those of children that it waited for."""
    waited_s: float = 0.0
    """Of these, the seconds of children that it waited for, as read last."""
    again_s: float = 0.0
    """Of waited_s, what was sampled as a child's own."""
    owed_s: float = 0.0
    """CPU seconds of children that were gone at the last sample, and that this process had not waited for yet."""

    def own_s(self, cpu_s: float, gone_s: float) -> float:
        """What it took of the CPU seconds that were just read, without what was sampled as a child's own. gone_s: what
        was read last of its children that are gone since the sample before.
        """
        waited_s, owed_s = self.statistics.waited_s, self.owed_s + gone_s
        again_s = min(waited_s - self.waited_s, owed_s)
        self.cpu_s, self.waited_s, self.again_s = cpu_s, waited_s, self.again_s + again_s
        # What is not waited for by the next sample never will be.
        self.owed_s = min(gone_s, owed_s - again_s)
        return cpu_s - self.again_s


class Sampler:
    """Samples the processes that it is told of, and all that descend from the one that directs the trial."""

    def __init__(self, folder: Path, director: int | None = None) -> None:
        """director: pid."""
        self._table = TableWriter(folder, "samples")
        self._threads, self.engine_cpu = ThreadTable(folder), EngineCpu()
        self._lineage = Lineage(director) if director is not None else None
        self._roles: dict[int, str] = {}
        self._lines: dict[int, list[int]] = {}
        """The pids of a descendant, its parent and so on, by its own."""
        self._watched: dict[int, SampledProcess] = {}
        self._rows: list[tuple[int, int, float, int, int | None]] = []
        self._ended_s: list[tuple[int, float]] = []
        """Pids and CPU seconds of processes that the trial has waited for since the last sample."""
        self._next_pss_ns = self._stored_ns = self._as_of_ns = 0
        self._director, self._machine = director, MachineRecord(folder, director) if director is not None else None
        self._gone_s = 0.0
        """CPU seconds, without those of children that were sampled, of all that are gone."""
        self._steady: dict[int, str] = {}
        """Processes that are to go on all the time: what they are called, by pid."""
        if director is not None:
            self._roles[director] = OURS
            self._begin(director)

    def watch(
        self,
        roles: dict[str, list[int]],
        as_of_ns: int,
        ended: list[dict[str, Any]],
        steady: dict[str, list[int]] | None = None,
    ) -> None:
        """Take in the roles of processes as of a time, and the last CPU seconds of those that the trial waited for.

        steady: those that are to go on all the time, by what they are called.
        """
        self._as_of_ns = as_of_ns
        self._steady = {pid: name for name, pids in (steady or {}).items() for pid in pids}
        before = self._roles
        self._roles = before | {pid: role for role, pids in roles.items() for pid in pids}
        for one in ended:
            self._roles.setdefault(one["pid"], one["role"])
            self._rows.append((one["at_ns"], one["pid"], one["cpu_s"], 0, None))
            self._ended_s.append((one["pid"], one["cpu_s"]))
        told = {pid for pids in roles.values() for pid in pids}
        for pid in told - self._watched.keys():
            self._begin(pid)
        if self._lineage is None:
            for pid in self._watched.keys() - told:
                self._watched.pop(pid).statistics.close()
        if self._roles != before:
            self._next_pss_ns = 0

    def _begin(self, pid: int) -> None:
        with suppress(OSError):  # It ended meanwhile.
            self._watched[pid] = SampledProcess(Statistics(pid))

    def _look(self) -> None:
        """Find the descendants that are new."""
        if self._lineage is None:
            return
        self._lineage.look()
        for member in self._lineage.members:
            if member.pid not in self._watched:
                self._lines[member.pid] = [one.pid for one in member.line()]
                self._begin(member.pid)

    def sample(self) -> None:
        self._look()
        at_ns = now_ns()
        with_pss = at_ns >= self._next_pss_ns
        # A child that its parent had waited for when the parent was read is gone when it is read itself, after it.
        read = {pid: one.statistics.cpu_and_rss() for pid, one in self._watched.items()}
        gone_s = self._forget_gone(read)
        own_s = {pid: self._watched[pid].own_s(found[0], gone_s[pid]) for pid, found in read.items() if found}
        self._note_machine(at_ns, self._gone_s + sum(own_s.values()))
        self.engine_cpu.add(at_ns, [*self._ended_s, *own_s.items()], lambda pid: self._role(pid) in ENGINE)
        self._ended_s = []
        self._threads.look(at_ns, (pid for pid in self._watched if self._role(pid) in WITH_THREADS))
        for pid, found in read.items():
            if found is not None and self._role(pid) != OURS:
                pss_bytes = self._watched[pid].statistics.pss() if with_pss else None
                self._rows.append((at_ns, pid, own_s[pid], found[1], pss_bytes))
        if with_pss:
            self._next_pss_ns = at_ns + int(PSS_S * 1e9)
        if at_ns - self._stored_ns >= _STORE_S * 1e9:
            # What a process is is told a little after it was first sampled.
            self.store(self._as_of_ns)

    def _note_machine(self, at_ns: int, ours_s: float) -> None:
        """What the machine did, read right after the processes: what reading costs falls between two samples."""
        if self._machine is None:
            return
        self._machine.note(at_ns, ours_s, self._watched)
        steady = {(name, pid): self._watched[pid] for pid, name in self._steady.items() if pid in self._watched}
        self._machine.stand_still(at_ns, {name: one.statistics.state for name, one in steady.items()})

    def _forget_gone(self, read: dict[int, tuple[float, int] | None]) -> defaultdict[int | None, float]:
        """Of those that were just read, forget those that are gone. CPU seconds that they had taken, by the process
        that waits for them: the first of their line that is still there, or the one that directs the trial.
        """
        gone_s: defaultdict[int | None, float] = defaultdict(float)
        for pid in [pid for pid, found in read.items() if found is None]:
            one = self._watched.pop(pid)
            one.statistics.close()
            self._gone_s += one.cpu_s - one.again_s
            line = self._lines.get(pid, [pid])
            gone_s[next((parent for parent in line[1:] if read.get(parent)), self._director)] += one.cpu_s
        return gone_s

    @property
    def stored(self) -> dict[str, int]:
        """Rows by table."""
        machine = self._machine.stored if self._machine is not None else {}
        return {"samples": self._table.rows, "threads": self._threads.rows, **machine}

    def _role(self, pid: int) -> str:
        """That of the first in its line whose role was told."""
        return next((self._roles[one] for one in self._lines.get(pid, [pid]) if one in self._roles), UNNAMED)

    def store(self, until_ns: int | None = None) -> None:
        """Store the rows up to a time, or all."""
        self._stored_ns = now_ns()
        due = [row for row in self._rows if until_ns is None or row[0] <= until_ns]
        self._rows = [row for row in self._rows if until_ns is not None and row[0] > until_ns]
        rows = [(at_ns, role, pid, *rest) for at_ns, pid, *rest in due if (role := self._role(pid)) != OURS]
        if rows:
            columns = ("at_ns", "role", "pid", "cpu_s", "rss_bytes", "pss_bytes")
            self._table.write(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
        self._threads.store(self._role, WITH_THREADS, until_ns)
        if self._machine is not None:
            self._machine.store()


def main() -> None:
    commands = Commands()
    with failures_told():
        sampler = Sampler(Path(commands.setup["folder"]), commands.setup.get("director"))
        answer({"did": "setup"})
        with suppress(EndOfInput):
            _sample(commands, sampler)
        sampler.sample()
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
            if command is not None and command["do"] == "cpu":
                sampler.sample()
                answer({"did": "cpu", "cpu_s": sampler.engine_cpu.between(command["from_ns"], command["until_ns"])})
            elif command is not None:
                sampler.watch(
                    command["roles"],
                    command.get("as_of_ns", now_ns()),
                    command.get("ended", []),
                    command.get("steady", {}),
                )
                answer({"did": "watch"})


if __name__ == "__main__":
    main()
