"""How rows came to their last value, where an engine writes a row again whenever it changes (METHOD.md, "Updates")."""

from __future__ import annotations

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

UPDATES = Metric("updates", "rows", "none", "Rows that a later row of the same result replaced")
REGRESSIONS = Metric("regressions", "rows", "lower", "Rows that counted fewer events than the one that they replaced")


def measure(basis: Basis) -> Measured:
    found, seen = Measured(), basis.seen
    if basis.history.plan.emits != "updates":
        return found
    mine = [rows for phase, rows in zip(seen.phases, seen.answered, strict=True) if phase.kind == basis.kind]
    updates, regressions = sum(rows.updates for rows in mine), sum(rows.regressions for rows in mine)
    found.add(UPDATES, updates)
    found.add(REGRESSIONS, regressions)
    if regressions:
        found.notes.append(f"{regressions} rows counted fewer events than one for the same result before them")
    return found


measurement = Measurement("updates", (UPDATES, REGRESSIONS), measure, needs=frozenset({"matching", "phases"}))
