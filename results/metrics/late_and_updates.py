"""What became of late events, what the engine itself says of them, and how rows came to their last value, as metrics
(METHOD.md, "Late events", "Updates").
"""

from __future__ import annotations

import numpy as np

from results.history import Counters, History
from results.metrics.measured import Measured
from results.result import PhaseKind
from results.verdict.examination import Examination
from results.verdict.offences import row_phases


def counters(history: History) -> Measured:
    """The engine's own counts, of the whole trial; they are shown and never judged by."""
    found = Measured()
    for mark in history.of(Counters)[-1:]:
        for name, value in (("engine_late", mark.late), ("engine_broken", mark.broken)):
            if value is None:
                found.lack([name], "the engine does not count that")
            else:
                found.add(name, value, "events", "none")
    return found


def disorder(seen: Examination, kind: PhaseKind) -> Measured:
    """Late events of the phases of one kind, where there are any; rows that others replaced, where rows are updates."""
    found = Measured()
    mine = [number for number, phase in enumerate(seen.phases) if phase.kind == kind]
    lateness = [seen.lateness[number] for number in mine]
    events, kept, dropped = (sum(getattr(each, name) for each in lateness) for name in ("events", "kept", "dropped"))
    if events:
        found.add("late_events", events, "events", "none")
        found.add("late_kept", kept, "events", "none")
        found.add("late_dropped", dropped, "events", "none")
    if seen.updates is not None:
        here = np.isin(row_phases(seen), mine)
        updates, regressions = (int(each[here].sum()) for each in (seen.updates.earlier, seen.updates.regressed))
        found.add("updates", updates, "rows", "none")
        found.add("regressions", regressions, "rows", "lower")
        if regressions:
            found.notes.append(f"{regressions} rows counted fewer events than one for the same result before them")
    return found
