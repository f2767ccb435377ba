"""What must be added up over many threads, and is therefore read less often: the time for which those of our processes
waited for a CPU, and what the kernel's own took.

All figures are seconds, and grow from the first look on. What a thread did after it was last read is not seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

from engines import proc

_BYTES = 1024
_OF_THE_KERNEL = 0x00200000
"""PF_KTHREAD, in the flags of /proc/PID/stat."""

SHARE = 0.02
"""Reading takes no more than this of a CPU: where it takes long, it is done more rarely."""


class Seldom:
    """When something that costs time is to be done again."""

    def __init__(self, period_s: float) -> None:
        self._period_s, self._due_s = period_s, 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._due_s

    def did(self, began_s: float) -> None:
        """It was done, from that time on (monotonic)."""
        now_s = time.monotonic()
        self._due_s = began_s + max(self._period_s, (now_s - began_s) / SHARE)


class RunQueue:
    """waited_s: for which threads of our processes were ready and had no CPU."""

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._waited_ns: dict[tuple[int, str], int] = {}

    def look(self, pids: Iterable[int]) -> None:
        """Read every thread of these processes; one that is new began at nothing."""
        waited_ns: dict[tuple[int, str], int] = {}
        for pid in pids:
            with suppress(OSError):
                for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - ten times as fast
                    with suppress(OSError, ValueError):
                        _, waited, _ = _content(f"/proc/{pid}/task/{thread}/schedstat").split()
                        waited_ns[pid, thread] = int(waited)
        grown = (max(0, ns - self._waited_ns.get(name, 0)) for name, ns in waited_ns.items())
        self.waited_s += sum(grown) / 1e9
        self._waited_ns = waited_ns


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, _BYTES)
    finally:
        os.close(file)


class KernelThreads:
    """The CPU seconds that the kernel's threads took on some CPUs. A thread counts where it ran last."""

    def __init__(self, cpus: Collection[int]) -> None:
        self._cpus = frozenset(cpus)
        self._others: set[int] = set()
        self._ticks: dict[int, int] | None = None
        self.cpu_s = 0.0

    @property
    def seen(self) -> bool:
        """Whether there are any: in a container there are none to be seen, and neither are the processes of others."""
        return bool(self._ticks)

    def look(self) -> None:
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - as above
        self._others &= there
        ticks: dict[int, int] = {}
        for pid in there - self._others:
            with suppress(OSError):
                seen = proc.cpu_use(_content(f"/proc/{pid}/stat"))
                if not seen.flags & _OF_THE_KERNEL:
                    self._others.add(pid)
                    continue
                ticks[pid] = seen.cpu_ticks
                # What was there before the first look is no growth.
                before = ticks[pid] if self._ticks is None else self._ticks.get(pid, 0)
                if seen.cpu in self._cpus:
                    self.cpu_s += max(0, ticks[pid] - before) / proc.TICKS
        self._ticks = ticks
