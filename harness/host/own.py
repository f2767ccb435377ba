"""Which of our child processes are our own: instruments, brokers, the warden, and what loads the machine on purpose.

Every other descendant of ours is the engine's.
"""

from __future__ import annotations

from engines import proc

_own: dict[int, int] = {}
"""When each began, by pid: a number that comes again is another process."""


def register(pid: int) -> None:
    """Called as soon as a process of our own was started."""
    found = proc.origin(pid)
    if found is not None:
        _own[pid] = found.started


def owned(pid: int, started: int) -> bool:
    return _own.get(pid) == started
