"""A process as Linux shows it in /proc/PID/stat (proc(5)). Standard library only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
"""Clock ticks of a second."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """state: its letter: R, S, T (stopped), Z (zombie) and so on. session: pid of the process that began its session.

    cpu_s: user and system seconds since it began, its waited-for children included. rss_bytes: resident memory.
    """

    state: str
    session: int
    cpu_s: float
    rss_bytes: int


class Origin(NamedTuple):
    """parent: its pid. started: when it began, in clock ticks since the machine did: with the pid, it names a process
    for good.
    """

    parent: int
    started: int


class Thread(NamedTuple):
    """A thread as its file says, or a process with all of its threads, also of those that ended; waited-for children
    are not counted. name: up to 15 characters. started: in clock ticks since the machine did.
    """

    name: str
    cpu_s: float
    started: int


class CpuUse(NamedTuple):
    """What a process did so far, by its own threads. flags: of the kernel (PF_*). cpu: the CPU that it ran on last."""

    flags: int
    cpu_ticks: int
    cpu: int


def _fields(stat: bytes) -> list[bytes]:
    # The command name, in parentheses, may hold anything; fields are counted from behind it, the state being the third.
    return stat[stat.rindex(b")") + 2 :].split()


def parse(stat: bytes) -> Stat:
    """What the file says."""
    fields = _fields(stat)
    return Stat(fields[0].decode(), int(fields[3]), sum(map(int, fields[11:15])) / TICKS, int(fields[21]) * _PAGE)


def thread(stat: bytes) -> Thread:
    """What /proc/PID/task/TID/stat, or /proc/PID/stat, says."""
    fields, called = _fields(stat), stat[stat.index(b"(") + 1 : stat.rindex(b")")]
    return Thread(called.decode(errors="replace"), sum(map(int, fields[11:13])) / TICKS, int(fields[19]))


def cpu_use(stat: bytes) -> CpuUse:
    """What /proc/PID/stat says of it. cpu_ticks: as `TICKS` of them are a second; waited-for children not included."""
    fields = _fields(stat)
    return CpuUse(int(fields[6]), int(fields[11]) + int(fields[12]), int(fields[36]))


def waited_s(stat: bytes) -> float:
    """CPU seconds, by the file, of the children that it waited for: a part of `Stat.cpu_s`."""
    return sum(map(int, _fields(stat)[13:15])) / TICKS


def origin(pid: int) -> Origin | None:
    """None if the process is gone."""
    try:
        fields = _fields(Path(f"/proc/{pid}/stat").read_bytes())
    except OSError:
        return None
    return Origin(int(fields[1]), int(fields[19]))


def read(pid: int) -> Stat | None:
    """None if the process is gone."""
    try:
        return parse(Path(f"/proc/{pid}/stat").read_bytes())
    except OSError:
        return None


def state(pid: int) -> str:
    """The process's state letter, empty if it is gone."""
    found = read(pid)
    return found.state if found is not None else ""


def name(pid: int) -> str:
    """What the process is called, up to 15 characters; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def runs(pid: int) -> bool:
    """Whether it is there; one that only waits to be reaped does not run any more."""
    return state(pid) not in ("", "Z", "X")
