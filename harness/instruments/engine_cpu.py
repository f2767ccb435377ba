"""CPU that all processes of the engine took, as of any of the last minutes: by it a trial tells when it is warm.

The judge finds the same again in the samples that are stored.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable

KEPT = 9_000
"""So many samples are kept: of a quarter of an hour."""

_NAMED_NS = 10_000_000_000
"""What a process is, is known after so long at the latest."""


class EngineCpu:
    def __init__(self) -> None:
        self._taken: dict[int, tuple[float, int]] = {}
        """CPU seconds of each process as it was last sampled, and when that was, by pid."""
        self._gone_s = 0.0
        """CPU seconds of processes of the engine that are long gone."""
        self._times_ns: deque[int] = deque(maxlen=KEPT)
        self._totals_s: deque[float] = deque(maxlen=KEPT)

    def add(self, at_ns: int, taken_s: Iterable[tuple[int, float]], is_engine: Callable[[int], bool]) -> None:
        """Take in a sample: pids, and the CPU seconds that each has taken."""
        for pid, cpu_s in taken_s:
            self._taken[pid] = max(cpu_s, self._taken.get(pid, (0.0, 0))[0]), at_ns
        for pid in [pid for pid, (_, seen_ns) in self._taken.items() if seen_ns < at_ns - _NAMED_NS]:
            cpu_s, _ = self._taken.pop(pid)
            self._gone_s += cpu_s if is_engine(pid) else 0.0
        self._times_ns.append(at_ns)
        self._totals_s.append(self._gone_s + sum(cpu_s for pid, (cpu_s, _) in self._taken.items() if is_engine(pid)))

    def between(self, from_ns: int, until_ns: int) -> float:
        """CPU seconds from one time to another."""
        return self.at(until_ns) - self.at(from_ns)

    def at(self, at_ns: int) -> float:
        """CPU seconds until then, interpolated between samples; before the first and after the last, those of it."""
        place = bisect_left(self._times_ns, at_ns)
        if place == 0 or place == len(self._times_ns):
            return self._totals_s[min(place, len(self._totals_s) - 1)] if self._totals_s else 0.0
        before_ns, after_ns = self._times_ns[place - 1], self._times_ns[place]
        before_s, after_s = self._totals_s[place - 1], self._totals_s[place]
        return before_s + (after_s - before_s) * (at_ns - before_ns) / (after_ns - before_ns)
