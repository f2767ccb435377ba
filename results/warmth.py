"""When an engine is warm: the rule by which a trial ends its warm-up backlogs, and the judge believes the last one.

Code that compiles itself while it runs (the JVM's just-in-time compiler) becomes faster for minutes. Two equal
neighbours are no sign that it is over: it stands still before it jumps. So what counts is the growth over a doubling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Backlog = TypeVar("Backlog")

GROWTH = 0.10
"""Events per CPU-second grew by less than this over the last doubling of events: the engine is warm."""

LEAST = 6
"""Of fewer equal backlogs than this nothing is called warm."""

MOST = 40
"""No more equal backlogs than this are drained, whatever the budget."""

OVERDRAWN = 3
"""The least number of backlogs is drained even beyond the budget, up to so many times of it."""

ENOUGH = 0.9
"""A last backlog that lasted less than this share of what is asked is followed by a larger one, once."""

LASTS_S = 3.0
"""So long the last backlog is to last at least, however short a commit interval is: what every drain takes, whatever
its size, would else be most of it, and nobody could tell what else ran meanwhile."""

LEAST_INTERVALS = 3
"""Of a last backlog that lasted fewer commit intervals than this, the wait for the commit at its end is too much."""


@dataclass(frozen=True)
class Drained:
    """A backlog that was worked off: events; seconds from its release to its last row; CPU seconds of the engine."""

    events: int
    seconds: float
    cpu_s: float


def growth(backlogs: Sequence[Drained]) -> float | None:
    """By how much events per CPU-second grew over the last doubling of events, as a share: those of the later half of
    all events, against those of the quarter before it. None where no CPU was seen.

    A backlog that lies in two parts counts in each with its share of events.
    """
    total = sum(each.events for each in backlogs)
    half_s = _cpu_s(backlogs, total / 2, total)
    quarter_s = _cpu_s(backlogs, total / 4, total / 2)
    if half_s <= 0 or quarter_s <= 0:
        return None
    return (total / 2 / half_s) / (total / 4 / quarter_s) - 1


def _cpu_s(backlogs: Sequence[Drained], first: float, last: float) -> float:
    """CPU seconds of the events from one place in the sequence of all to another."""
    spent, begin = 0.0, 0
    for each in backlogs:
        inside = min(last, begin + each.events) - max(first, begin)
        spent += each.cpu_s * max(0.0, inside) / each.events
        begin += each.events
    return spent


def later_half(backlogs: Sequence[Backlog]) -> Sequence[Backlog]:
    """Of backlogs of one size, the later half; the one in the middle is one of them."""
    return backlogs[len(backlogs) // 2 :]


def marginal(one: Drained, other: Drained) -> float | None:
    """Events per second that a larger backlog takes longer for: free of what every drain takes, whatever its size.
    None where the two say nothing of it.
    """
    events, seconds = other.events - one.events, other.seconds - one.seconds
    return events / seconds if events * seconds > 0 else None


def average(backlogs: Sequence[Drained]) -> Drained:
    """A backlog of one of the given ones' size, as they were on average; all have one size."""
    seconds, cpu_s = (sum(each) / len(backlogs) for each in zip(*((b.seconds, b.cpu_s) for b in backlogs), strict=True))
    return Drained(backlogs[0].events, seconds, cpu_s)
