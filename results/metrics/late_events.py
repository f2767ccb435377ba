"""What became of late events, where the stream has any (METHOD.md, "Late events")."""

from __future__ import annotations

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

EVENTS = Metric("late_events", "events", "none", "Events that come later than the watermark delay allows")
KEPT = Metric("late_kept", "events", "none", "Late events that were counted, once for each window that they fall into")
DROPPED = Metric("late_dropped", "events", "none", "Late events that were dropped, once for each such window")


def measure(basis: Basis) -> Measured:
    found, seen = Measured(), basis.seen
    lateness = [seen.lateness[number] for number, phase in enumerate(seen.phases) if phase.kind == basis.kind]
    if events := sum(each.events for each in lateness):
        found.add(EVENTS, events)
        found.add(KEPT, sum(each.kept for each in lateness))
        found.add(DROPPED, sum(each.dropped for each in lateness))
    return found


measurement = Measurement("late events", (EVENTS, KEPT, DROPPED), measure, needs=frozenset({"matching", "phases"}))
