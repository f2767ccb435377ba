"""When the collector looked late: a row that it was given then may have been visible before (METHOD.md, "Visible")."""

from __future__ import annotations

import numpy as np

from results.evidence.append_times import appended_ns, by_another_clock
from results.evidence.machine import MachineSamples
from results.evidence.rows import Rows
from results.evidence.wall_clock import steps
from results.history import History
from workloads.stream import Integers

STALLED_MS = 50.0
"""A figure that moves by more than this, if rows that the collector was given late count from their append, is marked
with both ends.
"""


def visible_since_ns(history: History, rows: Rows) -> Integers:
    """For each row the earliest time at which it may have become visible: that of its append, but not before the gap
    in which it came began. Outside of gaps it is the time at which the row was seen.
    """
    table = history.table("gaps")
    from_ns, until_ns = (table[name].to_numpy() for name in ("from_ns", "until_ns"))
    if not len(until_ns):
        return rows.visible_ns
    order = np.argsort(until_ns)
    from_ns, until_ns = from_ns[order], until_ns[order]
    places = np.minimum(np.searchsorted(until_ns, rows.visible_ns), len(until_ns) - 1)
    inside = until_ns[places] == rows.visible_ns
    # By a wall clock that was set, or by another machine's, nobody knows when a row was appended.
    unknown = by_another_clock(history) or bool(steps(MachineSamples(history)))
    stamped_ns = from_ns[places] if unknown else appended_ns(history, rows)
    since_ns = np.minimum(np.maximum(stamped_ns, from_ns[places]), rows.visible_ns)
    return np.asarray(np.where(inside, since_ns, rows.visible_ns), dtype=np.int64)


def stalled_s(history: History, from_ns: int, until_ns: int) -> float:
    """The longest gap that lies in part between two times, in seconds; 0 if there is none."""
    table = history.table("gaps")
    begins, ends = (table[name].to_numpy() for name in ("from_ns", "until_ns"))
    mine = (ends > from_ns) & (begins < until_ns)
    return float((ends - begins)[mine].max() / 1e9) if mine.any() else 0.0
