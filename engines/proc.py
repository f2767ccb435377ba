"""A process as Linux shows it in /proc/PID/stat (proc(5)). Standard library only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """state: its letter: R, S, T (stopped), Z (zombie) and so on. session: pid of the process that began its session.

    cpu_s: user and system seconds since it began, its waited-for children included. rss_bytes: resident memory.
    """

    state: str
    session: int
    cpu_s: float
    rss_bytes: int


def parse(stat: bytes) -> Stat:
    """What the file says."""
    # The command name, in parentheses, may hold anything; fields are counted from behind it: 3, 6, 14-17, 24.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Stat(fields[0].decode(), int(fields[3]), sum(map(int, fields[11:15])) / _TICKS, int(fields[21]) * _PAGE)


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


def runs(pid: int) -> bool:
    """Whether it is there; one that only waits to be reaped does not run any more."""
    return state(pid) not in ("", "Z", "X")
