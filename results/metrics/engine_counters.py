"""The engine's own counts, of the whole trial; they are shown and never judged by (METHOD.md, "Late events")."""

from __future__ import annotations

from results.history import Counters
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

LATE = Metric("engine_late", "events", "none", "Events that the engine itself says it dropped as late")
BROKEN = Metric("engine_broken", "events", "none", "Events that the engine itself says it skipped as broken")


def measure(basis: Basis) -> Measured:
    found = Measured()
    for mark in basis.history.of(Counters)[-1:]:
        for metric, value in ((LATE, mark.late), (BROKEN, mark.broken)):
            if value is None:
                found.lack([metric], "the engine does not count that, or its counts did not come to rest")
            elif value < 0:
                found.lack([metric], f"the engine says {value}, which cannot be")
            else:
                found.add(metric, value)
    return found


measurement = Measurement("the engine's counters", (LATE, BROKEN), measure)
