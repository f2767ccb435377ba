"""What strikes did, in sentences: how many there were, and who caught up first and last."""

from __future__ import annotations

from collections.abc import Sequence

from reports import units
from reports.comparison import Comparison, Row, words
from results.metrics.recovery import CAUGHT_UP
from results.metrics.statistics import INTERVAL_SAMPLES
from results.result import MetricValue

NEVER_LEFT = "band never left"
"""Latency and lag stayed within what they were before: a wide band says little of how short the break was."""

_LISTED = 2
"""So many are named of those that the first or the last cannot be told from."""


def counted(comparisons: Sequence[Comparison]) -> str:
    """How many engines, faults and strikes there were, and how many strikes were exposed; empty without strikes."""
    rows = [row for comparison in comparisons for row in comparison.ran if row.strikes]
    strikes = [strike for row in rows for strike in row.strikes]
    if not strikes:
        return ""
    faults = {comparison.fault for comparison in comparisons if any(row.strikes for row in comparison.ran)}
    # A strike whose aim was not met did nothing.
    tried = " tried" if any(strike.state == "missed" for strike in strikes) else ""
    exposed = sum(strike.exposed for strike in strikes)
    parts = (
        units.counted(len({row.engine for row in rows}), "engine"),
        units.counted(len(faults), "fault"),
        f"{units.counted(len(strikes), 'strike')}{tried}",
        f"{exposed:,} exposed",
    )
    said = ", ".join(parts)
    return f"{said[0].upper()}{said[1:]}"


def recovered(row: Row) -> tuple[int, int] | None:
    """After how many strikes the engine was seen to catch up, of how many that were injected; None where nothing can
    be said of it.
    """
    metric = row.measured(CAUGHT_UP)
    injected = [strike for strike in row.strikes if strike.at_s is not None]
    if metric is None or not injected:
        return None
    # Of several trials the metric is the median over them, and counts trials.
    back = sum(strike.caught_up_s is not None for strike in injected) if row.repeated else metric.n
    return back or 0, len(injected)


def caught_up(metric: MetricValue) -> str:
    """The median as text, in brackets where it says less than it seems to."""
    text = units.quantity(metric.value, "s") if metric.value or metric.high else NEVER_LEFT
    return f"({text})" if metric.bracketed else text


def ranking(comparison: Comparison) -> str:
    """Who caught up first and who last, each with all that it cannot be told from; who did not always; empty where
    nothing can be said.

    Named are only those whose answers were right, whose every strike was recovered from, and whose figure is not
    marked: it has an interval over strikes enough, and the band of latency was left.
    """
    struck = [row for row in comparison.ran if row.strikes and row.outcome == "pass"]
    ordered = sorted((row for row in struck if _rankable(row)), key=lambda row: row.value(CAUGHT_UP) or 0.0)
    said = []
    if len(ordered) > 1:
        first, last = ordered[0], ordered[-1]
        if _overlap(_metric(first), _metric(last)):
            said.append(f"{first.name} and {last.name} cannot be told apart in how fast they caught up")
        else:
            said.append(f"caught up first: {_named(first, ordered)}; last: {_named(last, ordered)}")
    short = [(row, told) for row in struck if (told := recovered(row)) and told[0] < told[1]]
    if short:
        some = words(f"{row.name} ({back} of {injected})" for row, (back, injected) in short)
        said.append(f"not after every strike: {some}")
    return "; ".join(said)


def kinds_differ(comparison: Comparison) -> bool:
    """Whether those that may be ranked keep their state in different stores, or are set in different ways."""
    return len({row.kind for row in comparison.ran if row.strikes and _rankable(row)}) > 1


def _rankable(row: Row) -> bool:
    metric, told = row.measured(CAUGHT_UP), recovered(row)
    if row.suspect or metric is None or told is None or told[0] < told[1] or metric.bracketed:
        return False
    enough = metric.low is not None and metric.high is not None and (metric.n or 0) >= INTERVAL_SAMPLES
    return enough and bool(metric.value or metric.high)


def _metric(row: Row) -> MetricValue:
    metric = row.measured(CAUGHT_UP)
    assert metric is not None  # noqa: S101 - only rows that may be ranked come here
    return metric


def _overlap(one: MetricValue, other: MetricValue) -> bool:
    ends = (one.low, one.high, other.low, other.high)
    if one is other or None in ends:
        return True
    return (one.low or 0.0) <= (other.high or 0.0) and (other.low or 0.0) <= (one.high or 0.0)


def _named(end: Row, ordered: Sequence[Row]) -> str:
    """The first or the last with its figure, and those that it cannot be told from."""
    like = [row.name for row in ordered if row is not end and _overlap(_metric(row), _metric(end))]
    also = (
        f", which cannot be told from {words(like[:_LISTED])}"
        if len(like) <= _LISTED
        else (f", which cannot be told from {len(like)} others")
    )
    return f"{end.name} ({units.quantity(end.value(CAUGHT_UP), 's')}){also if like else ''}"
