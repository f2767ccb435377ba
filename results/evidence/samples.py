"""CPU and memory of a trial's processes by role, from the samples taken beside it (METHOD.md, "CPU" and "Memory")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results.history import DamagedHistory, History
from workloads.stream import Integers

ENGINE = ("worker", "coordinator")

HOLE_S = 4.5
"""Samples do not stand for a time in which there was none for longer than this."""

_ROUNDING_S = 0.02


class NoSamples(Exception):
    """Samples do not cover what is asked, in a line."""


@dataclass(frozen=True)
class _Process:
    """Samples of one process in order of time, as columns of equal length."""

    role: str
    """What it is in the trial, as in `results.history.SAMPLES`."""
    at_ns: Integers
    """When each sample was taken, monotonic ns."""
    cpu_s: NDArray[np.float64]
    """User and system seconds since the process began."""
    rss_bytes: NDArray[np.float64]
    """Resident size."""
    pss_bytes: NDArray[np.float64]
    """Proportional size, where shared pages count in part; NaN where only the resident size was read."""


class Samples:
    """All processes that were sampled. Raises DamagedHistory where the CPU of one falls."""

    def __init__(self, history: History) -> None:
        table = history.table("samples").sort_by([("pid", "ascending"), ("at_ns", "ascending")])
        column: dict[str, Any] = {name: table[name].to_numpy(zero_copy_only=False) for name in table.schema.names}
        _, begins = np.unique(column["pid"], return_index=True)
        self._all = [
            _Process(
                # What a process is may be known only some time after it began.
                role=str(column["role"][part[-1]]),
                at_ns=column["at_ns"][part],
                cpu_s=column["cpu_s"][part],
                rss_bytes=column["rss_bytes"][part].astype(np.float64),
                pss_bytes=column["pss_bytes"][part].astype(np.float64),
            )
            for part in np.split(np.arange(table.num_rows), begins[1:])
            if len(part)
        ]
        for process, pid in zip(self._all, np.unique(column["pid"]).tolist(), strict=True):
            falls = np.flatnonzero(np.diff(process.cpu_s) < -_ROUNDING_S)
            if len(falls):
                before, after = process.cpu_s[falls[0] : falls[0] + 2]
                raise DamagedHistory(
                    f"cpu_s of process {pid} falls from {before:g} to {after:g}", history.folder / "samples"
                )
        self._times = np.unique(column["at_ns"])

    @property
    def ended_ns(self) -> int:
        """When the last sample was taken; 0 without one."""
        return int(self._times[-1]) if len(self._times) else 0

    @property
    def roles(self) -> list[str]:
        return sorted({process.role for process in self._all})

    def cpu_s(self, roles: tuple[str, ...], start_ns: int, end_ns: int) -> float:
        """CPU seconds that processes of these roles spent between two times, interpolated between samples.

        A process that was first seen after start_ns began after it (its CPU counts from 0); one last seen before
        end_ns ended there. Raises NoSamples if there are none of the roles, or sampling did not span the times.
        """
        chosen = self._of(roles)
        if self._times[0] > start_ns or self._times[-1] < end_ns:
            raise NoSamples("samples do not span the measured part")
        self._check_holes(start_ns, end_ns)
        spent = 0.0
        for process in chosen:
            before = 0.0 if process.at_ns[0] > start_ns else float(np.interp(start_ns, process.at_ns, process.cpu_s))
            after = 0.0 if process.at_ns[0] > end_ns else float(np.interp(end_ns, process.at_ns, process.cpu_s))
            spent += after - before
        return spent

    def memory(self, roles: tuple[str, ...], what: str, start_ns: int, end_ns: int) -> tuple[Integers, Integers]:
        """(times, bytes): the sum over processes of these roles of `pss` or `rss`, at each time a sample was taken.

        A process counts with its latest sample, from its first to its last. Raises NoSamples if there is nothing, or if
        sampling did not span the times.
        """
        chosen = self._of(roles)
        self._check_holes(start_ns, end_ns)
        times = np.unique(np.concatenate([process.at_ns for process in chosen]))
        times = times[(times >= start_ns) & (times <= end_ns)]
        total, read = np.zeros(len(times)), np.zeros(len(times), dtype=np.bool_)
        for process in chosen:
            sizes = process.pss_bytes if what == "pss" else process.rss_bytes
            known = ~np.isnan(sizes)
            latest = np.searchsorted(process.at_ns[known], times, side="right") - 1
            alive = (latest >= 0) & (times <= process.at_ns[-1])
            total[alive] += sizes[known][latest[alive]]
            read |= alive
        if not read.any():
            raise NoSamples(f"no {what.upper()} was sampled in the phase")
        return times[read], total[read].astype(np.int64)

    def _check_holes(self, start_ns: int, end_ns: int) -> None:
        """Raises NoSamples if between two times none was taken for too long."""
        inside = self._times[(self._times > start_ns) & (self._times < end_ns)]
        hole_s = float(np.diff(np.concatenate([[start_ns], inside, [end_ns]])).max()) / 1e9
        if hole_s > HOLE_S:
            raise NoSamples(f"no sample was taken for {hole_s:.1f} s of the measured part")

    def _of(self, roles: tuple[str, ...]) -> list[_Process]:
        chosen = [process for process in self._all if process.role in roles]
        if not chosen:
            raise NoSamples(f"no process of role {' or '.join(roles)} was sampled")
        return chosen
