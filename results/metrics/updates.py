"""How rows came to their last value, where an engine writes a row again whenever it changes (METHOD.md, "Updates")."""

from __future__ import annotations

import numpy as np

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.verdict.offences import row_phases

UPDATES = Metric("updates", "rows", "none", "Rows that a later row of the same result replaced")
REGRESSIONS = Metric("regressions", "rows", "lower", "Rows that counted fewer events than the one that they replaced")


def measure(basis: Basis) -> Measured:
    found, seen = Measured(), basis.seen
    if seen.updates is None:
        return found
    mine = [number for number, phase in enumerate(seen.phases) if phase.kind == basis.kind]
    here = np.isin(row_phases(seen), mine)
    updates, regressions = (int(each[here].sum()) for each in (seen.updates.earlier, seen.updates.regressed))
    found.add(UPDATES, updates)
    found.add(REGRESSIONS, regressions)
    if regressions:
        found.notes.append(f"{regressions} rows counted fewer events than one for the same result before them")
    return found


measurement = Measurement("updates", (UPDATES, REGRESSIONS), measure, needs=frozenset({"matching", "phases"}))
