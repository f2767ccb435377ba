"""When the rows of a recording come: with the distances, the gaps and the disorder that they were recorded with.

A row comes once the largest event time before it, and its own, is reached. So a row whose time goes back comes right
behind the one before it, and rows of equal time come together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np

from workloads.stream import Integers, Segment
from workloads.workload import Parameters

_NEVER_NS = 2.0**62
"""No phase lasts so long."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """The rows of a recording, again and again. Positions count its rows from 0 on, over all rounds."""

    times_ms: Integers
    """Event time of each row as it was recorded, epoch ms; it may go back."""
    period_ms: int
    """So much later in event time each row comes again; longer than all of the recording."""
    speed: float
    """How many ms of event time pass in a ms."""

    @cached_property
    def _arrivals_ms(self) -> Integers:
        """After the first row, in event time. They do not go back."""
        return np.asarray(np.maximum.accumulate(self.times_ms) - self.times_ms[0], dtype=np.int64)

    @property
    def rate(self) -> float:
        """Rows per second of event time, on average."""
        return len(self.times_ms) * 1000 / self.period_ms

    def event_ms(self, positions: Integers) -> Integers:
        """Event time after that of the first row; negative where it lies before it."""
        rows, rounds = positions % len(self.times_ms), positions // len(self.times_ms)
        return np.asarray(self.times_ms[rows] - self.times_ms[0] + rounds * self.period_ms, dtype=np.int64)

    def arrivals_ms(self, positions: Integers) -> Integers:
        """When each row comes: event time that has passed since the first one came."""
        rows, rounds = positions % len(self.times_ms), positions // len(self.times_ms)
        return np.asarray(self._arrivals_ms[rows] + rounds * self.period_ms, dtype=np.int64)

    def planned_ns(self, positions: Integers) -> Integers:
        """The same on the clock: nanoseconds after the first row."""
        after_ns = self.arrivals_ms(positions) * (1e6 / self.speed)
        return np.asarray(np.minimum(after_ns, _NEVER_NS), dtype=np.int64)

    def count(self, lasting_s: float) -> int:
        """How many rows come in so many seconds from the first one on."""
        first = int(lasting_s * 1000 * self.speed // self.period_ms) * len(self.times_ms)
        planned_ns = self.planned_ns(np.arange(first, first + len(self.times_ms)))
        return first + int(np.searchsorted(planned_ns, int(lasting_s * 1e9), side="left"))

    def span_ms(self, count: int) -> int:
        """Event time from the first row until the last of so many has come."""
        return int(self.arrivals_ms(np.array([max(count - 1, 0)]))[0])

    def lead_ms(self, unit_ms: int) -> int:
        """How far the first row's time is behind the last multiple of unit_ms that no row lies before."""
        earliest_ms = int(self.times_ms.min())
        return int(self.times_ms[0]) - earliest_ms // unit_ms * unit_ms

    def densest(self, size_ms: int) -> int:
        """The most rows in a window of so many ms, aligned to the epoch."""
        _, counts = np.unique(self.times_ms // size_ms, return_counts=True)
        return int(counts.max())


def when_planned(segment: Segment, ids: Integers, rate: float, schedule: Schedule | None) -> Integers:
    """When events of a paced phase are planned, in ns from its start. rate: that at which they are sent, on average.
    schedule: None where they do not come as they were recorded.
    """
    return segment.planned_ns(ids, rate) if schedule is None else schedule.planned_ns(ids - segment.first)


@runtime_checkable
class Scheduled(Protocol):
    """A workload whose events may come as they were recorded. Its events then have the times that `event_ms` says,
    after the base of their segment.
    """

    def schedule(self, parameters: Parameters) -> Schedule | None:
        """None where events come as the suite says. Raises Unfit where the recording cannot be had."""
        ...
