"""Drain rate: how fast a warm, idle engine works off a backlog that appears at once (METHOD.md, "Throughput")."""

from __future__ import annotations

from results.evidence.gaps import STALLED_MS
from results.metrics.attempts import brief, last_attempt
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric, TableColumn
from results.metrics.warmness import not_warm
from results.warmth import ENOUGH, LEAST_INTERVALS

RATE = Metric(
    "drain_rate",
    "events/s",
    "higher",
    "Events of the last backlog, by the seconds it lasted",
    TableColumn("drain", 10, "drain rate"),
)
SECONDS = Metric(
    "drain_seconds", "s", "none", "From the release of the last backlog until its last result could be read"
)
EVENTS = Metric("drain_events", "events", "none", "Events in the last backlog")
INTERVALS = Metric("drain_commit_intervals", "intervals", "none", "How many commit intervals the last backlog lasted")


def measure(basis: Basis) -> Measured:
    """Of the last completed drain."""
    found, last = Measured(), last_attempt(basis.attempts)
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
    if lasted < ENOUGH * basis.drain.intervals:
        found.notes.append(f"the backlog lasted {lasted:.1f} of the {basis.drain.intervals:g} commit intervals asked")
    if lasted < LEAST_INTERVALS:
        why = f"the backlog lasted {lasted:.1f} commit intervals only: the wait for a commit at its end is much of that"
        found.bracket([RATE, SECONDS], why)
    for doubt in (brief(last), not_warm(basis)):
        if doubt is not None:
            found.bracket([RATE, SECONDS], doubt)
    return found


measurement = Measurement(
    "drain rate",
    (RATE, SECONDS, EVENTS, INTERVALS),
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="drain",
)
