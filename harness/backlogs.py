"""How large the next backlog is, and when there are enough: the course of a trial's drains (METHOD.md, "Throughput").

First equal backlogs until the engine is warm or the budget is spent, then the one that is measured; or several more of
the same size, which are measured together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from results.plan import Drain
from results.warmth import ENOUGH, GROWTH, LASTS_S, MOST, OVERDRAWN, Drained, average, growth, later_half, marginal

Drains = Callable[[int], Drained]
"""Writes a backlog of so many events, lets it be worked off, and says what that took."""


def run(drain: Drain, interval_ms: int, elapsed_s: Callable[[], float], work_off: Drains) -> Drained:
    """All drains of a trial; the last of them, or what those that are measured together were on average.

    elapsed_s: since the first of them began.
    """
    equal: list[Drained] = []
    while not over(drain, equal, elapsed_s()):
        equal.append(work_off(drain.events))
    if drain.measured is not None:
        return average([work_off(drain.events) for _ in range(drain.measured)])
    asked_s = max(drain.intervals * interval_ms / 1000, LASTS_S)
    last = work_off(measured_events(drain, equal, asked_s))
    larger = larger_events(drain, equal, last, asked_s)
    return last if larger is None else work_off(larger)


def over(drain: Drain, equal: Sequence[Drained], spent_s: float) -> bool:
    """Whether there are enough equal backlogs. spent_s: what they took in all, their writing included."""
    if not equal:
        return False
    if len(equal) < drain.least_backlogs:
        return spent_s >= OVERDRAWN * drain.budget_s
    grew = growth(equal)
    return len(equal) >= MOST or spent_s >= drain.budget_s or (grew is not None and grew < GROWTH)


def measured_events(drain: Drain, equal: Sequence[Drained], asked_s: float) -> int:
    """The size of the backlog that is measured: as many events as the warm engine works off in the time asked."""
    warm = average(later_half(equal))
    return _within(drain, asked_s * warm.events / warm.seconds)


def larger_events(drain: Drain, equal: Sequence[Drained], last: Drained, asked_s: float) -> int | None:
    """The size of another one where the last one was too short, since what every drain takes weighed more on the equal
    ones by which its size was found; None where it is long enough, or no larger one is allowed.
    """
    if last.seconds >= ENOUGH * asked_s:
        return None
    rate = marginal(average(later_half(equal)), last) or last.events / last.seconds
    larger = _within(drain, last.events + rate * (asked_s - last.seconds))
    return larger if larger > last.events else None


def _within(drain: Drain, events: float) -> int:
    return max(1, min(math.ceil(events), drain.max_events))
