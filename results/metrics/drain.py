"""Drain rate: how fast a warm, idle engine works off a backlog that appears at once (METHOD.md, "Throughput")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.gaps import STALLED_MS, visible_since_ns
from results.evidence.phases import Phase
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Column, Metric
from results.result import Series
from results.verdict.examination import Examination

RATE = Metric(
    "drain_rate",
    "events/s",
    "higher",
    "Events of the last backlog, by the seconds it lasted",
    Column("drain", 10, "drain rate"),
)
SECONDS = Metric(
    "drain_seconds", "s", "none", "From the release of the last backlog until its last result could be read"
)
EVENTS = Metric("drain_events", "events", "none", "Events in the last backlog")
INTERVALS = Metric("drain_commit_intervals", "intervals", "none", "How many commit intervals the last backlog lasted")


@dataclass(frozen=True)
class Attempt:
    """One backlog. Times are monotonic ns."""

    phase: Phase
    """The drain phase."""
    committed_ns: int
    """When the engine could first see the backlog."""
    visible_ns: int | None
    """When the last of its results became visible; None where a result is missing, or none is due."""
    since_ns: int | None
    """When the last result may have become visible already, where the collector was given it late; None as above."""
    missing: int
    """How many rows are missing; where some are, the attempt is void."""

    @property
    def seconds(self) -> float:
        return ((self.visible_ns or self.committed_ns) - self.committed_ns) / 1e9

    @property
    def least_seconds(self) -> float:
        """The same if the collector was given the last rows late."""
        return (max(self.since_ns or 0, self.committed_ns) - self.committed_ns) / 1e9

    @property
    def rate(self) -> float:
        return self.phase.segment.count / self.seconds


def attempts(seen: Examination) -> list[Attempt]:
    """The drains that were completed, in order. A row counts with its first visible copy."""
    found = []
    since_ns = seen.matching.of_first(visible_since_ns(seen.history, seen.matching.rows))
    for number, phase in enumerate(seen.phases):
        if phase.kind != "drain" or phase.committed_ns is None or phase.complete_ns is None:
            continue
        mine = np.flatnonzero(seen.matching.due.phases == number)
        missing = int(np.count_nonzero(seen.matching.missing[mine]))
        times = (seen.matching.first_visible_ns[mine], since_ns[mine])
        last_ns, least_ns = (int(each.max()) if len(mine) and not missing else None for each in times)
        found.append(Attempt(phase, phase.committed_ns, last_ns, least_ns, missing))
    return found


def last_attempt(seen: Examination) -> Attempt | str:
    """The last drain that was completed, or why nothing can be said of one."""
    tried = attempts(seen)
    if not tried:
        return "no drain was completed"
    last = tried[-1]
    if last.missing:
        return f"void: {last.missing} rows of {last.phase.name} are missing"
    if last.visible_ns is None or last.seconds <= 0:
        return f"no row of {last.phase.name} became visible after its backlog was committed"
    return last


def measure(basis: Basis) -> Measured:
    """Of the last completed drain; the rates of all are in the series `drain attempts`."""
    found, tried, last = Measured(), attempts(basis.seen), last_attempt(basis.seen)
    rated = [attempt for attempt in tried if attempt.seconds > 0]
    if rated:
        found.series.append(
            Series(
                name="drain attempts",
                x_label="events in the backlog",
                y_label="drain rate, events/s",
                x=[attempt.phase.segment.count for attempt in rated],
                y=[round(attempt.rate, 3) for attempt in rated],
            )
        )
    if isinstance(last, str):
        found.lack(measurement.metrics, last)
        return found
    events, lasted = last.phase.segment.count, last.seconds * 1000 / basis.history.plan.interval_ms
    least = last.least_seconds
    stalled = least > 0 and last.seconds - least > STALLED_MS / 1000
    found.add(RATE, last.rate, n=events, bounds=(last.rate, events / least) if stalled else None)
    found.add(SECONDS, last.seconds, bounds=(least, last.seconds) if stalled else None)
    if stalled:
        found.notes.append(
            f"the collector stalled for {last.seconds - least:.2f} s at the end of the drain: its rate lies between "
            "the two ends that are given"
        )
    found.add(EVENTS, events)
    found.add(INTERVALS, lasted)
    if len(tried) == 1:
        found.notes.append("one backlog only was drained, for which the engine was not yet warm")
    if lasted < basis.drain.intervals:
        found.notes.append(f"the backlog lasted {lasted:.1f} of the {basis.drain.intervals:g} commit intervals asked")
    return found


measurement = Measurement(
    "drain rate",
    (RATE, SECONDS, EVENTS, INTERVALS),
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="drain",
)
