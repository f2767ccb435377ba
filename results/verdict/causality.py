"""Rows that are visible before what they say could be known: of events that were not released or not due yet, or of a
window that nothing could have closed (METHOD.md, "Premature").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.verdict.examination import Examination
from results.verdict.matching import DUPLICATE, MATCH, WRONG
from results.verdict.planned_times import earliest
from workloads.stream import Integers

STAMPED_BEFORE = 8
"""From this method version on, marks and hand-overs are stamped before the act. Earlier ones were stamped after it, so
that honest rows could be visible "before" what they rest on.
"""


@dataclass(frozen=True)
class Premature:
    """rows: indices, ascending; early_ns: by how much each is too early; unclosed: whether it is only so because
    nothing could have closed its window yet.
    """

    rows: Integers
    early_ns: Integers
    unclosed: NDArray[np.bool_]

    def explanation(self, row: int) -> str:
        place = int(np.searchsorted(self.rows, row))
        before = "anything could have closed its window" if self.unclosed[place] else "the last of its events was there"
        return f"it is visible {self.early_ns[place] / 1e6:,.1f} ms before {before}"


def premature(seen: Examination) -> Premature:
    """The rows that answer a due row, and are visible before that can be known. Both times are of one monotonic clock,
    so there is no tolerance.

    Of wrong rows only those of time windows: a window by count that counts an event twice is full one event earlier.
    """
    if seen.history.plan.method_version < STAMPED_BEFORE:
        nothing = np.empty(0, dtype=np.int64)
        return Premature(nothing, nothing, nothing.astype(np.bool_))
    matching = seen.matching
    held = np.isin(matching.counts_as, (MATCH, DUPLICATE))
    if seen.stream.query.time_window is not None:
        held |= (matching.counts_as == WRONG) & ~matching.renamed
    judged = np.flatnonzero(held & (matching.index >= 0))
    bounds, due = earliest(seen, seen.history.plan.emits), matching.index[judged]
    visible_ns = matching.rows.visible_ns[judged]
    early = visible_ns < bounds.both_ns[due]
    rows, due, visible_ns = judged[early], due[early], visible_ns[early]
    return Premature(rows, bounds.both_ns[due] - visible_ns, visible_ns >= bounds.events_ns[due])
