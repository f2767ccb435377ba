"""When rows were appended to the log, by its own stamp, on the clock of the trial (METHOD.md, "Where latency goes")."""

from __future__ import annotations

import numpy as np

from results.evidence.machine import MachineSamples
from results.evidence.rows import Rows
from results.evidence.wall_clock import steps
from results.history import History
from workloads.stream import Integers

MS_NS = 1_000_000
RESOLUTION_MS = 1
"""Append times are cut to so much. A row that seems to be appended later than this after it was visible was not: then
the wall clock was set while the trial ran.
"""

ON_ITS_COMMIT = "on the embedded log a row is appended by the transaction that commits it, so there are no two parts"


BY_ANOTHER_CLOCK = "on a Kafka that is not ours rows are stamped by its clock, which need not be that of this machine"


def by_another_clock(history: History) -> bool:
    """Whether append times are of a clock that is not known to be this machine's."""
    return history.plan.broker is not None


def appended_ns(history: History, rows: Rows) -> Integers:
    """Monotonic time of each row's append: the log's wall time, by both clocks as the trial began."""
    clock = history.plan.clock
    return np.asarray(rows.appended_ms * MS_NS - clock.wall_ns + clock.monotonic_ns, dtype=np.int64)


def untold(history: History, rows_ns: Integers, visible_ns: Integers) -> str | None:
    """Why it is not known when rows were appended, in a line, or None if it is.

    rows_ns, visible_ns: of some rows, when they were appended by their stamps, and when they were visible. Whatever
    else is known of the wall clock belongs here: append times are of no use where it was set.
    """
    if history.plan.log == "embedded":
        return ON_ITS_COMMIT
    if by_another_clock(history):
        return BY_ANOTHER_CLOCK
    if set_by := steps(MachineSamples(history)):
        return f"void: the wall clock was set by {set_by[0].by_ns / 1e9:+.3f} s while the trial ran"
    late = int(np.count_nonzero(rows_ns > visible_ns + RESOLUTION_MS * MS_NS))
    if late:
        return f"void: by their stamps {late:,} rows were appended after they were visible, so the wall clock was set"
    return None
