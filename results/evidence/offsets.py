"""Where recorded rows stand in their log: whether their offsets ascend, and how many are behind its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from results.history import History, Quiescent
from workloads.stream import Integers


@dataclass
class Ascent:
    """Of rows in the order in which they were recorded."""

    firsts: dict[int, int] = field(default_factory=dict)
    """Of each partition, the offset of its first row."""
    lasts: dict[int, int] = field(default_factory=dict)
    """Of each partition, the offset of its last row."""
    times_ns: tuple[int, int] | None = None
    """When the first and the last row became visible; None where there is no such time."""
    ascends: bool = True
    """Whether offsets ascend within each partition, so that none is there twice, and times never go back."""

    def add(self, partitions: Integers, offsets: Integers, visible_ns: Integers | None = None) -> None:
        """The rows that were recorded next."""
        if not len(partitions):
            return
        new = Ascent()
        for partition in np.unique(partitions).tolist():
            mine = offsets[partitions == partition]
            new.firsts[partition], new.lasts[partition] = int(mine[0]), int(mine[-1])
            new.ascends &= bool(np.all(mine[1:] > mine[:-1]))
        if visible_ns is not None:
            new.times_ns = int(visible_ns[0]), int(visible_ns[-1])
            new.ascends &= bool(np.all(visible_ns[1:] >= visible_ns[:-1]))
        self.follow(new)

    def follow(self, other: Ascent) -> None:
        """Those of another one were recorded next."""
        self.ascends &= other.ascends
        self.ascends &= all(first > self.lasts.get(partition, -1) for partition, first in other.firsts.items())
        self.firsts = other.firsts | self.firsts
        self.lasts |= other.lasts
        if self.times_ns is not None and other.times_ns is not None:
            self.ascends &= other.times_ns[0] >= self.times_ns[1]
            self.times_ns = self.times_ns[0], other.times_ns[1]
        else:
            self.times_ns = self.times_ns or other.times_ns


def after_the_end(history: History, partitions: Integers, offsets: Integers) -> tuple[int, int]:
    """How many of some rows stand behind the end that the output had as it stood still, and how many in a partition
    that it did not have.
    """
    for rest in history.of(Quiescent)[-1:]:
        ends = np.array(rest.end_offsets, dtype=np.int64)
        inside = (partitions >= 0) & (partitions < len(ends))
        after = int(np.count_nonzero(offsets[inside] >= ends[partitions[inside]])) if len(ends) else 0
        return after, int(np.count_nonzero(~inside))
    return 0, 0


def recording_problems(repeated: int, after: int, outside: int) -> list[str]:
    """What is wrong with the recording of the output, which is no engine's doing.

    repeated: rows that were recorded twice. after, outside: as of `after_the_end`.
    """
    problems = []
    if repeated:
        problems.append(f"{repeated} output rows were recorded twice: the collector failed, not the engine")
    if after or outside:
        problems.append(f"no quiescence: {after + outside} rows were written after outputs stood still")
    return problems
