"""The rate of a job's results, as the gauge sees them: how many come a second, and whether they keep it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.strikes.gauge import GaugeReading


@dataclass(frozen=True)
class OutputRate:
    """rate: visible output records a second. pause_s: the longest time without a new one."""

    rate: float
    pause_s: float


def output_rate(readings: Sequence[GaugeReading]) -> OutputRate:
    """The output rate over these readings, at least one, oldest first."""
    first, last = readings[0], readings[-1]
    rises_ns = [later.at_ns for earlier, later in pairwise(readings) if later.visible > earlier.visible]
    pauses_ns = [later - earlier for earlier, later in pairwise([first.at_ns, *rises_ns, last.at_ns])]
    span_s = max(1, last.at_ns - first.at_ns) / 1e9
    return OutputRate((last.visible - first.visible) / span_s, max(pauses_ns) / 1e9)


class Steady:
    """Whether results kept their rate for long enough, but for what is on its way.

    As many as before are not enough: an outage and the burst that follows it are, together, as many as ever.
    """

    def __init__(self, before: OutputRate, behind_s: float, steady_s: float) -> None:
        """behind_s: so many seconds' worth may come a little early or late. steady_s: how long is long enough."""
        self._before, self._behind_s, self._steady_s = before, behind_s, steady_s
        self._past: deque[GaugeReading] = deque()
        self._visible = self._rose_ns = 0

    def seen(self, reading: GaugeReading) -> bool:
        """Whether it is so now. To be told each reading."""
        if not self._rose_ns or reading.visible > self._visible:
            self._visible, self._rose_ns = reading.visible, reading.at_ns
        if (reading.at_ns - self._rose_ns) / 1e9 > self._before.pause_s + self._behind_s:
            self._past.clear()
            return False
        self._past.append(reading)
        while len(self._past) > 1 and reading.at_ns - self._past[1].at_ns >= self._steady_s * 1e9:
            self._past.popleft()
        span_s = (reading.at_ns - self._past[0].at_ns) / 1e9
        visible = reading.visible - self._past[0].visible
        return (
            span_s >= self._steady_s and abs(visible - self._before.rate * span_s) <= self._before.rate * self._behind_s
        )
