"""Latency of results under paced load, counted from planned times (METHOD.md, "Latency")."""

from __future__ import annotations

import numpy as np

from results.evidence.phases import Phase
from results.metrics.measured import Measured
from results.metrics.statistics import PERCENTILES, curve, needed, percentile
from results.plan import Paced
from results.result import Series
from results.verdict.examination import Examination
from results.verdict.matching import NEVER
from workloads.control import heartbeat_second
from workloads.stream import Integers

CLOSINGS = 20
"""Fewer distinct closings than this make no percentile: the rows of one closing are no independent samples. Rows that
are due with one event need no closing; of them so many are needed.
"""


def latency(seen: Examination, phase: Phase, paced: Paced) -> Measured:
    """Latency in ms of the rows that become final in the measured part: of a time window by the event that closes it,
    and beside it by its last event; of every other row by the event that makes it final.

    A row counts with its first visible copy. Latencies are absent if a row is missing among those that count, or if
    they rest on fewer than CLOSINGS distinct closings (without time windows: rows).
    """
    windowed = seen.stream.query.time_window is not None
    due = seen.matching.due
    mine, final_ns, last_ns = planned(seen, phase, paced)
    measured = (final_ns >= paced.warmup_s * 1e9) & (final_ns < paced.duration_s * 1e9)
    mine, final_ns, last_ns = mine[measured], final_ns[measured], last_ns[measured]
    found, visible_ns = Measured(), seen.matching.first_visible_ns[mine]
    distinct = len(np.unique(due.identity[1, mine])) if windowed else len(mine)
    if windowed:
        found.add("latency_closings", distinct, "closings", "none", n=len(mine))
    names = ["latency", "event_latency"] if windowed else ["latency"]
    if why := _obstacle(int(np.count_nonzero(visible_ns == NEVER)), len(mine), distinct, windowed):
        found.lack([f"{name}_{suffix}" for name in names for suffix in PERCENTILES], why)
        return found
    samples = [visible_ns - phase.start_ns - planned_ns for planned_ns in (final_ns, last_ns)][: len(names)]
    for name, samples_ns in zip(names, samples, strict=True):
        _add_percentiles(found, name, samples_ns)
    result_ns = samples[0]
    early = int(np.count_nonzero(result_ns < 0))
    found.add("early_rows", early, "rows", "lower", n=len(mine))
    if early:
        before = "their window could be known to be complete" if windowed else "their last event was planned"
        found.notes.append(f"{early} of {len(mine)} rows were visible before {before}")
    found.series.append(_curve("latency percentiles", "result latency, ms", result_ns))
    if windowed:
        found.series.append(_curve("event-time latency percentiles", "event-time latency, ms", samples[1]))
    found.series += _by_second(final_ns, result_ns, paced)
    return found


def planned(seen: Examination, phase: Phase, paced: Paced) -> tuple[Integers, Integers, Integers]:
    """The due rows of a paced phase whose latency counts: their indices; when, in ns from the phase's start, what makes
    them final is planned (-1 for a time window that no event of the phase closes); and when their last event is.
    """
    due = seen.matching.due
    mine = np.flatnonzero((due.phases == seen.phases.index(phase)) & due.timed)
    last_ns = phase.segment.planned_ns(due.last_ids[mine], paced.rate)
    if seen.stream.query.time_window is None:
        return mine, last_ns, last_ns
    return mine, _closed_ns(seen, phase, paced, due.identity[1, mine]), last_ns


def _closed_ns(seen: Examination, phase: Phase, paced: Paced, ends: Integers) -> Integers:
    """When, from the phase's start, what closes windows with these ends is planned: the stream's first event that is
    late enough, or a heartbeat that comes before it; -1 if neither does.
    """
    distinct, end_of = np.unique(ends, return_inverse=True)
    closings = seen.stream.closings(phase.segment, distinct)
    never = np.iinfo(np.int64).max
    by_event = np.where(closings >= 0, phase.segment.planned_ns(closings, paced.rate), never)
    delay_ms = seen.stream.query.watermark_delay_ms
    passed_ms = distinct + delay_ms - phase.segment.base_ms
    seconds = heartbeat_second(passed_ms, delay_ms, paced.rate / phase.segment.rate)
    by_heartbeat = np.where(seconds <= paced.duration_s, seconds * 1_000_000_000, never)
    closed_ns = np.minimum(by_event, by_heartbeat)
    return np.asarray(np.where(closed_ns < never, closed_ns, -1)[end_of], dtype=np.int64)


def _obstacle(missing: int, rows: int, distinct: int, windowed: bool) -> str | None:
    """Why there is no latency, or None."""
    if missing:
        return f"void: {missing} of the {rows} rows that count are missing"
    if distinct < CLOSINGS:
        what = "distinct windows closed" if windowed else "rows became final"
        return f"only {distinct} {what} in the measured part, {CLOSINGS} are needed"
    return None


def _add_percentiles(found: Measured, name: str, samples_ns: Integers) -> None:
    ordered = np.sort(samples_ns)
    for suffix, percent in PERCENTILES.items():
        if len(ordered) < needed(percent):
            found.lack([f"{name}_{suffix}"], f"needs {needed(percent)} rows, there are {len(ordered)}")
        else:
            found.add(f"{name}_{suffix}", percentile(ordered, percent) / 1e6, "ms", "lower", n=len(ordered))


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
