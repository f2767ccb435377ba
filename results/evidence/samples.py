"""CPU and memory of a trial's processes by role, from the samples taken beside it (METHOD.md, "CPU" and "Memory")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results.history import History
from workloads.stream import Integers

ENGINE = ("worker", "coordinator")


class NoSamples(Exception):
    """Samples do not cover what is asked, in a line."""


@dataclass(frozen=True)
class _Process:
    """Samples of one process in order of time; pss_bytes is NaN where only the resident size was read."""

    role: str
    at_ns: Integers
    cpu_s: NDArray[np.float64]
    rss_bytes: NDArray[np.float64]
    pss_bytes: NDArray[np.float64]


class Samples:
    """All processes that were sampled."""

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
        self._began_ns = min((int(process.at_ns[0]) for process in self._all), default=0)
        self._ended_ns = max((int(process.at_ns[-1]) for process in self._all), default=0)

    @property
    def roles(self) -> list[str]:
        return sorted({process.role for process in self._all})

    def cpu_s(self, roles: tuple[str, ...], start_ns: int, end_ns: int) -> float:
        """CPU seconds that processes of these roles spent between two times, interpolated between samples.

        A process that was first seen after start_ns began after it (its CPU counts from 0); one last seen before
        end_ns ended there. Raises NoSamples if there are none of the roles, or sampling did not span the times.
        """
        chosen = self._of(roles)
        if self._began_ns > start_ns or self._ended_ns < end_ns:
            raise NoSamples("samples do not span the measured part")
        spent = 0.0
        for process in chosen:
            before = 0.0 if process.at_ns[0] > start_ns else float(np.interp(start_ns, process.at_ns, process.cpu_s))
            after = 0.0 if process.at_ns[0] > end_ns else float(np.interp(end_ns, process.at_ns, process.cpu_s))
            spent += after - before
        return spent

    def memory(self, roles: tuple[str, ...], what: str, start_ns: int, end_ns: int) -> tuple[Integers, Integers]:
        """(times, bytes): the sum over processes of these roles of `pss` or `rss`, at each time a sample was taken.

        A process counts with its latest sample, from its first to its last. Raises NoSamples if there is nothing.
        """
        chosen = self._of(roles)
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

    def _of(self, roles: tuple[str, ...]) -> list[_Process]:
        chosen = [process for process in self._all if process.role in roles]
        if not chosen:
            raise NoSamples(f"no process of role {' or '.join(roles)} was sampled")
        return chosen
