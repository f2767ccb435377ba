"""Latency of results under paced load, counted from planned times (METHOD.md, "Latency")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from results.evidence.gaps import STALLED_MS, stalled_s, visible_since_ns
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric, TableColumn
from results.metrics.statistics import PERCENTILES, curve, needed, percentile
from results.plan import Paced
from results.result import Series
from results.verdict.matching import NEVER
from results.verdict.planned_times import planned
from workloads.stream import Integers

CLOSINGS_NEEDED = 20
"""Fewer distinct closings than this make no percentile: the rows of one closing are no independent samples. Rows that
are due with one event need no closing; of them so many are needed.
"""

CURVE = "latency percentiles"
LARGEST_BY_SECOND = "latency max by second"
"""Names of series."""

_COLUMNS = {"p50": TableColumn("p50", 20), "p99": TableColumn("p99", 30), "max": TableColumn("max", 40)}
_PERCENT = {suffix: f"{percent} % of" for suffix, percent in PERCENTILES.items()} | {"max": "all"}

RESULT = {
    suffix: Metric(
        f"latency_{suffix}",
        "ms",
        "lower",
        f"Within this time {rows} results could be read, from when they could be final",
        _COLUMNS.get(suffix),
    )
    for suffix, rows in _PERCENT.items()
}
EVENT = {
    suffix: Metric(
        f"event_latency_{suffix}",
        "ms",
        "lower",
        f"Within this time {rows} results could be read, from the last event in their window",
    )
    for suffix, rows in _PERCENT.items()
}
CLOSINGS = Metric("latency_closings", "closings", "none", "Moments at which windows closed, on which latency rests")
EARLY = Metric("early_rows", "rows", "lower", "Rows that could be read before they could be final")


@dataclass(frozen=True)
class Counted:
    """The due rows whose latency counts: those that become final in the measured part, as columns of equal length."""

    due: Integers
    """Their places among all due rows."""
    final_ns: Integers
    """When what makes them final is planned, from the start of the phase."""
    last_ns: Integers
    """When their last event is planned, likewise."""
    visible_ns: Integers
    """When the first copy became visible, monotonic; NEVER for a row that is missing."""
    closings: int
    """How many of those moments are distinct; without time windows, how many rows there are."""
    obstacle: str | None
    """Why nothing can be said of their latency, or None."""


def counted(basis: Basis) -> Counted:
    """What every figure of latency under paced load rests on."""
    seen, paced = basis.seen, basis.paced
    windowed = seen.stream.query.time_window is not None
    mine, final_ns, last_ns = planned(seen, basis.phases[0], paced)
    measured = (final_ns >= paced.warmup_s * 1e9) & (final_ns < paced.duration_s * 1e9)
    mine, final_ns, last_ns = mine[measured], final_ns[measured], last_ns[measured]
    visible_ns = seen.matching.first_visible_ns[mine]
    closings = len(np.unique(seen.matching.due.identity[1, mine])) if windowed else len(mine)
    obstacle = _obstacle(int(np.count_nonzero(visible_ns == NEVER)), len(mine), closings, windowed)
    return Counted(mine, final_ns, last_ns, visible_ns, closings, obstacle)


def measure(basis: Basis) -> Measured:
    """Latency in ms of the rows that become final in the measured part. Of a time window it counts from the event that
    closes it, and beside that from its last event. Of every other row it counts from the event that makes it final.

    A row counts with its first visible copy. Latencies are absent if a row is missing among those that count, or if
    they rest on fewer than CLOSINGS_NEEDED distinct closings (without time windows: rows).
    """
    seen, phase, paced = basis.seen, basis.phases[0], basis.paced
    windowed = seen.stream.query.time_window is not None
    rows = counted(basis)
    mine, final_ns, last_ns, visible_ns = rows.due, rows.final_ns, rows.last_ns, rows.visible_ns
    found = Measured()
    if windowed:
        found.add(CLOSINGS, rows.closings, n=len(mine))
    kinds = (RESULT, EVENT) if windowed else (RESULT,)
    if rows.obstacle is not None:
        found.lack([metric for kind in kinds for metric in kind.values()], rows.obstacle)
        return found
    result_ns, event_ns = (visible_ns - phase.start_ns - planned_ns for planned_ns in (final_ns, last_ns))
    # What a stalled collector was given late may have been visible before.
    before_ns = visible_ns - seen.matching.of_first(visible_since_ns(basis.history, seen.matching.rows))[mine]
    for kind, samples_ns in zip(kinds, (result_ns, event_ns), strict=False):
        add_percentiles(found, kind, samples_ns, samples_ns - before_ns)
    if any(found.metrics[name].low is not None for name in found.metrics):
        stalled = stalled_s(basis.history, *basis.measured_ns)
        found.notes.append(
            f"the collector stalled for up to {stalled:.1f} s: the marked latencies may be its own; each lies between "
            "the two ends that are given"
        )
    early = int(np.count_nonzero(result_ns < 0))
    found.add(EARLY, early, n=len(mine))
    if early:
        before = "their window could be known to be complete" if windowed else "their last event was planned"
        found.notes.append(f"{early} of {len(mine)} rows were visible before {before}")
    found.series.append(_curve(CURVE, "result latency, ms", result_ns))
    if windowed:
        found.series.append(_curve("event-time latency percentiles", "event-time latency, ms", event_ns))
    found.series += _by_second(final_ns, result_ns, paced)
    return found


def _obstacle(missing: int, rows: int, distinct: int, windowed: bool) -> str | None:
    """Why there is no latency, or None."""
    if missing:
        return f"void: {missing} of the {rows} rows that count are missing"
    if distinct < CLOSINGS_NEEDED:
        what = "distinct windows closed" if windowed else "rows became final"
        return f"only {distinct} {what} in the measured part, {CLOSINGS_NEEDED} are needed"
    return None


def add_percentiles(found: Measured, metrics: Mapping[str, Metric], samples_ns: Integers, least_ns: Integers) -> None:
    """Those percentiles that there is a metric for. least_ns: the same samples if each row was visible as early as it
    may have been.
    """
    ordered, least = np.sort(samples_ns), np.sort(least_ns)
    for suffix, percent in PERCENTILES.items():
        if suffix not in metrics:
            continue
        if len(ordered) < needed(percent):
            found.lack([metrics[suffix]], f"needs {needed(percent)} rows, there are {len(ordered)}")
        else:
            high, low = percentile(ordered, percent) / 1e6, percentile(least, percent) / 1e6
            bounds = (low, high) if high - low > STALLED_MS else None
            found.add(metrics[suffix], high, n=len(ordered), bounds=bounds)


def _curve(name: str, label: str, samples_ns: Integers) -> Series:
    x, y = curve(np.sort(samples_ns))
    return Series(name=name, x_label="percentile", y_label=label, x=x, y=_milliseconds(y))


def _by_second(closed_ns: Integers, result_ns: Integers, paced: Paced) -> list[Series]:
    """p50, p99 and maximum of the rows that become final in each second of the measured part."""
    second = ((closed_ns - paced.warmup_s * 1e9) // 1e9).astype(np.int64)
    seconds = np.unique(second)
    ordered = [np.sort(result_ns[second == each]) for each in seconds]
    return [
        Series(
            name=f"latency {suffix} by second",
            x_label="planned second of the closing, after warm-up",
            y_label=f"result latency {suffix}, ms",
            x=[float(each) for each in seconds],
            y=_milliseconds([percentile(samples, PERCENTILES[suffix]) for samples in ordered]),
        )
        for suffix in ("p50", "p99", "max")
    ]


def _milliseconds(values_ns: list[float]) -> list[float]:
    return [round(value / 1e6, 3) for value in values_ns]


measurement = Measurement(
    "latency",
    (*RESULT.values(), *EVENT.values(), CLOSINGS, EARLY),
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="paced",
)
