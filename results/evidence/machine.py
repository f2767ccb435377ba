"""What the machine did beside a trial (METHOD.md, "Quiet"), from the samples of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from results.evidence.samples import HOLE_S, NoSamples
from results.history import History
from workloads.stream import Integers

SINCE = 9
"""Trials record their machine from this method version on."""


class NothingRecorded(NoSamples):
    """The history has no such samples at all."""


@dataclass(frozen=True)
class Spell:
    """What happened between two times. All but the first two are seconds; None where it was not counted."""

    lasted_s: float
    """How long it was."""
    cpus: int
    """How many CPUs we might use."""
    busy_s: float
    """In which these CPUs ran processes or the kernel's threads."""
    steal_s: float
    """In which the hypervisor let them run something else."""
    ours_s: float
    """That all our processes took."""
    kernel_s: float | None
    """That the kernel's threads took; None where they cannot be seen, and so the processes of others cannot."""
    waited_s: float | None
    """For which threads of ours were ready and had no CPU."""
    cpu_pressure_s: float | None
    """In which some task of the machine waited for a CPU."""
    throttled_s: float | None
    """For which a quota held us back; None where none holds."""

    def share(self, seconds: float) -> float:
        """Per cent of all the time of these CPUs."""
        return 100 * seconds / (self.cpus * self.lasted_s)

    @property
    def foreign(self) -> float:
        """Per cent that is neither ours nor the kernel's threads'."""
        return self.share(max(0.0, self.busy_s - self.ours_s - (self.kernel_s or 0.0)))

    @property
    def steal(self) -> float:
        return self.share(self.steal_s)

    @property
    def waited(self) -> float | None:
        """Of the time in which threads of ours could run, the per cent for which they waited."""
        if self.waited_s is None:
            return None
        ready_s = self.ours_s + self.waited_s
        return 100 * self.waited_s / ready_s if ready_s > 0 else 0.0

    @property
    def pressure(self) -> float | None:
        """Per cent of the time in which some task waited for a CPU."""
        return None if self.cpu_pressure_s is None else 100 * self.cpu_pressure_s / self.lasted_s

    @property
    def throttled(self) -> float | None:
        """Per cent of the time for which a quota held us back."""
        return None if self.throttled_s is None else 100 * self.throttled_s / self.lasted_s


class MachineSamples:
    """Raises DamagedHistory where the table cannot be read."""

    def __init__(self, history: History) -> None:
        table = history.table("machine").sort_by("at_ns")
        self._column: dict[str, Any] = {name: table[name].to_numpy(zero_copy_only=False) for name in table.schema.names}

    @property
    def at_ns(self) -> Integers:
        """When samples were taken, in order."""
        return np.asarray(self._column["at_ns"], dtype=np.int64)

    def offsets_ns(self, name: str) -> Integers:
        """`asleep_ns` or `wall_ahead_ns` of each sample."""
        return np.asarray(self._column[name], dtype=np.int64)

    def between(self, start_ns: int, end_ns: int) -> Spell:
        """What was counted between two times, interpolated between samples. Raises NoSamples."""
        at_ns = self.at_ns
        if not len(at_ns):
            raise NothingRecorded(f"nothing was recorded of the machine (method versions before {SINCE} did not)")
        if at_ns[0] > start_ns or at_ns[-1] < end_ns or end_ns <= start_ns:
            raise NoSamples("samples of the machine do not span the phase")
        inside = at_ns[(at_ns > start_ns) & (at_ns < end_ns)]
        hole_s = float(np.diff(np.concatenate([[start_ns], inside, [end_ns]])).max()) / 1e9
        if hole_s > HOLE_S:
            raise NoSamples(f"no sample of the machine was taken for {hole_s:.1f} s")
        return Spell(
            lasted_s=(end_ns - start_ns) / 1e9,
            cpus=int(self._column["cpus"][0]),
            busy_s=self._grown("busy_s", start_ns, end_ns) or 0.0,
            steal_s=self._grown("steal_s", start_ns, end_ns) or 0.0,
            ours_s=self._grown("ours_s", start_ns, end_ns) or 0.0,
            kernel_s=self._grown("kernel_s", start_ns, end_ns),
            waited_s=self._grown("waited_s", start_ns, end_ns),
            cpu_pressure_s=self._grown("cpu_pressure_s", start_ns, end_ns),
            throttled_s=self._grown("throttled_s", start_ns, end_ns),
        )

    def _grown(self, name: str, start_ns: int, end_ns: int) -> float | None:
        """By how much a count grew; None where it was not read."""
        values = np.asarray(self._column[name], dtype=np.float64)
        known = ~np.isnan(values)
        if not known.any():
            return None
        before, after = np.interp([start_ns, end_ns], self.at_ns[known], values[known])
        return float(after - before)
