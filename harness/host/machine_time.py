"""What the CPUs that we may use did, as the kernel counts it: busy, idle, stolen; pressure; throttling by a quota.

All figures are seconds since some time in the past: only what they grew by says something.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engines import proc

_LINE_BYTES = 256
_PRESSURE_BYTES = 512
_CLOCK_TRIES = 5
_CLOCK_TOGETHER_NS = 50_000
"""Two clocks that were read within this were read together."""

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class CpuTime:
    """Seconds of the CPUs that we may use, in sum."""

    busy_s: float
    """Spent by processes and kernel threads: user, nice and system. What interrupts took is not in it."""
    idle_s: float
    """Idle, also while waiting for a disk."""
    steal_s: float
    """In which the hypervisor let something else run."""


class MachineTime:
    """Reads the counters of some CPUs. Its files are kept open."""

    def __init__(self, cpus: Collection[int]) -> None:
        """Raises OSError where there is no /proc."""
        self._cpus = {b"cpu%d" % cpu for cpu in cpus}
        self._bytes = _LINE_BYTES * (2 + (os.cpu_count() or 1))
        self._stat = os.open(_PROC / "stat", os.O_RDONLY)
        self._pressure = {what: _opened(_PROC / "pressure" / what) for what in ("cpu", "io", "memory")}
        self._quotas = quotas()

    def close(self) -> None:
        for file in (self._stat, *self._pressure.values()):
            if file is not None:
                os.close(file)

    def cpu_time(self) -> CpuTime:
        return parsed(os.pread(self._stat, self._bytes, 0), self._cpus)

    def pressure_s(self, what: str) -> float | None:
        """Seconds in which some task of the machine waited for `cpu`, `io` or `memory`; None where nobody counts."""
        file = self._pressure[what]
        if file is None:
            return None
        with suppress(OSError, ValueError):
            first = os.pread(file, _PRESSURE_BYTES, 0).splitlines()[0]
            return int(first.rpartition(b"total=")[2]) / 1e6
        return None

    def throttled_s(self) -> float | None:
        """Seconds for which quotas held us back; None where no quota holds."""
        return sum(quota.throttled_s() for quota in self._quotas) if self._quotas else None


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def parsed(stat: bytes, cpus: Collection[bytes]) -> CpuTime:
    """What /proc/stat says of CPUs, named as there (proc(5))."""
    busy = idle = steal = 0
    for line in stat.splitlines():
        name, *fields = line.split()
        if name in cpus and len(fields) >= 8:
            user, nice, system, idled, waiting, _irq, _softirq, stolen = map(int, fields[:8])
            busy, idle, steal = busy + user + nice + system, idle + idled + waiting, steal + stolen
    return CpuTime(busy / proc.TICKS, idle / proc.TICKS, steal / proc.TICKS)


@dataclass(frozen=True)
class Quota:
    """A limit of CPU time. cpus: how many CPUs' worth of it there is. statistics: the file that counts throttling."""

    cpus: float
    statistics: Path

    def throttled_s(self) -> float:
        with suppress(OSError, ValueError):
            fields = dict(line.split() for line in self.statistics.read_text().splitlines())
            # Version 2 of control groups counts microseconds, version 1 nanoseconds.
            if "throttled_usec" in fields:
                return int(fields["throttled_usec"]) / 1e6
            return int(fields.get("throttled_time", 0)) / 1e9
        return 0.0


def quotas(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> list[Quota]:
    """The quotas that hold for this process: of its control group and of all above it."""
    found = []
    for folder in _groups(proc, cgroups):
        cpus = _limit(folder)
        if cpus is not None:
            found.append(Quota(cpus, folder / "cpu.stat"))
    return found


def _groups(proc: Path, cgroups: Path) -> Iterable[Path]:
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            bases = [cgroups, cgroups / "unified"]
        elif "cpu" in controllers.split(","):
            bases = [cgroups / controllers, cgroups / "cpu"]
        else:
            continue
        base = next((base for base in bases if base.is_dir()), None)
        if base is not None:
            # In a container the path may be that of outside, which is not there.
            folder = base / path.lstrip("/")
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(base) and each.is_dir())


def _limit(folder: Path) -> float | None:
    """CPUs' worth of time that a control group may use; None without a quota."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota_us = int((folder / "cpu.cfs_quota_us").read_text())
        return quota_us / int((folder / "cpu.cfs_period_us").read_text()) if quota_us > 0 else None
    return None


def ahead_ns(clock: int) -> int:
    """By how much a clock (time.CLOCK_...) is ahead of CLOCK_MONOTONIC."""
    best_ns, found_ns = None, 0
    for _ in range(_CLOCK_TRIES):
        before_ns = time.monotonic_ns()
        there_ns = time.clock_gettime_ns(clock)
        took_ns = time.monotonic_ns() - before_ns
        if best_ns is None or took_ns < best_ns:
            best_ns, found_ns = took_ns, there_ns - before_ns - took_ns // 2
        if took_ns <= _CLOCK_TOGETHER_NS:
            break
    return found_ns
