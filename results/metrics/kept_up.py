"""Did the engine keep up: rows that are due and not visible, right after each commit (METHOD.md, "Kept up").

Only there does their number say something: between two commits it rises by all that comes due, whatever the engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.result import Series
from results.verdict.matching import NEVER
from results.verdict.planned_times import planned
from workloads.stream import Integers

INTERVALS_NEEDED = 6
"""A measured part of fewer commit intervals than this says nothing of growth: two in each third."""

BEHIND_COMMITS = 3
"""An engine had not caught up if more than so many commits' worth of rows were due at the start."""

NOT_CAUGHT_UP, NOT_KEPT_UP = "had not caught up", "did not keep up"
"""How the two reasons begin for which figures of an engine that was behind stand in brackets."""

BEGIN = Metric("lag_begin", "rows", "lower", "Rows due and not visible after the measured part's first commit")
GROWTH = Metric("lag_growth", "rows", "none", "By so many rows this rose from the first third to the last")
WORTH = Metric("commit_rows", "rows", "none", "The most rows that come due within a commit interval")


@dataclass(frozen=True)
class Lag:
    """How far behind an engine was over the measured part."""

    at_ns: Integers
    """When commits were, from the phase's start: one for each commit interval in which there was any."""
    rows: Integers
    """Rows that were due and not visible right after each."""
    worth: int
    """A commit's worth: the most rows that come due within a commit interval."""
    growth: float
    """By how many rows the median of the last third of the time is above that of the first. A single long commit moves
    neither. Without a commit in the last third, what is due at its end stands for it."""

    @property
    def behind(self) -> bool:
        """Whether more rows were due at the start than an engine that keeps up leaves."""
        return bool(self.rows[0] > BEHIND_COMMITS * self.worth)

    @property
    def grew(self) -> bool:
        """By more than rows that come due together may do at another point of the commit interval."""
        return self.growth > self.worth


def lag(final_ns: Integers, visible_ns: Integers, within_ns: tuple[int, int], interval_ns: int) -> Lag | None:
    """final_ns, visible_ns: of each row that came, from the phase's start. None for a part that is too short, or in
    which nothing came due.

    A commit is what makes rows visible: of the moments of a commit interval at which rows became visible, the one that
    left the fewest.
    """
    from_ns, until_ns = within_ns
    due, seen = np.sort(final_ns), np.sort(np.maximum(final_ns, visible_ns))
    inside = due[(due >= from_ns) & (due < until_ns)]
    if (until_ns - from_ns) // interval_ns < INTERVALS_NEEDED or not len(inside):
        return None

    def left(at_ns: Integers) -> Integers:
        """How many are due and not visible."""
        there = np.searchsorted(due, at_ns, side="right") - np.searchsorted(seen, at_ns, side="right")
        return np.asarray(there, dtype=np.int64)

    moments = np.unique(seen[(seen >= from_ns) & (seen < until_ns)])
    intervals, rows = (moments - from_ns) // interval_ns, left(moments)
    # The first of each interval, in order of what was left.
    order = np.lexsort((moments, rows, intervals))
    _, firsts = np.unique(intervals[order], return_index=True)
    at_ns, rows = moments[order][firsts], rows[order][firsts]
    at_end = int(left(np.array([until_ns]))[0])
    if not len(at_ns):
        at_ns, rows = np.array([until_ns]), np.array([at_end])
    third_ns = (until_ns - from_ns) // 3
    early, late = rows[at_ns < from_ns + third_ns], rows[at_ns >= until_ns - third_ns]
    begin = float(np.median(early)) if len(early) else float(rows[0])
    end = float(np.median(late)) if len(late) else float(at_end)
    worth = int((np.searchsorted(inside, inside + interval_ns, side="left") - np.arange(len(inside))).max())
    return Lag(at_ns, rows, worth, end - begin)


def measure(basis: Basis) -> Measured:
    found, plan = Measured(), basis.history.plan
    if plan.strikes is not None:
        found.lack(measurement.metrics, "strikes fall: recovery says when the engine had caught up")
        return found
    phase, paced = basis.phases[0], basis.paced
    mine, final_ns, _ = planned(basis.seen, phase, paced)
    visible_ns = basis.seen.matching.first_visible_ns[mine]
    came = (visible_ns != NEVER) & (final_ns >= 0)
    within_ns = int(paced.warmup_s * 1e9), int(paced.duration_s * 1e9)
    told = lag(final_ns[came], visible_ns[came] - phase.start_ns, within_ns, plan.interval_ms * 1_000_000)
    if told is None:
        why = f"the measured part has less than {INTERVALS_NEEDED} commit intervals, or nothing came due in it"
        found.lack(measurement.metrics, why)
        return found
    found.add(BEGIN, int(told.rows[0]))
    found.add(GROWTH, told.growth)
    found.add(WORTH, told.worth)
    found.series.append(
        Series(
            name="rows due and not visible",
            x_label="seconds of the measured part, at each commit",
            y_label="rows due and not visible",
            x=[round((float(at_ns) - within_ns[0]) / 1e9, 3) for at_ns in told.at_ns],
            y=[float(rows) for rows in told.rows],
        )
    )
    if told.behind:
        found.reserve(
            "speeds",
            f"{NOT_CAUGHT_UP}: {told.rows[0]:,} rows were due and not visible after the first commit of the measured "
            f"part, {told.rows[0] / told.worth:.1f} commits' worth",
        )
    if told.grew:
        found.reserve(
            "speeds",
            f"{NOT_KEPT_UP}: rows due and not visible after a commit grew by {told.growth:,.0f} over the measured "
            f"part, {told.growth / told.worth:.1f} commits' worth",
        )
    return found


measurement = Measurement(
    "kept up", (BEGIN, GROWTH, WORTH), measure, needs=frozenset({"matching", "causality", "completion"}), kind="paced"
)
