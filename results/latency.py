"""Latency of windowed results under paced load, counted from planned times (METHOD.md, "Latency")."""

from __future__ import annotations

import numpy as np

from results.comparison import NEVER
from results.examination import Examination
from results.history import Paced
from results.measured import Measured
from results.phase import Phase
from results.result import Series
from results.statistics import PERCENTILES, curve, needed, percentile
from workloads.stream import Integers, spaced_ns

CLOSINGS = 20
"""Fewer distinct closings than this make no percentile: the rows of one closing are no independent samples."""

_NAMES = ("latency", "event_latency")


def latency(seen: Examination, phase: Phase, paced: Paced) -> Measured:
    """Result and event-time latency, in ms, of the windows whose closing event is planned in the measured part.

    A window counts with its first visible row. Latencies are absent if a row is missing among those that count, or
    if they rest on fewer than CLOSINGS distinct closings.
    """
    found, windows = Measured(), seen.comparison.windows
    mine = np.flatnonzero(windows.phases == seen.phases.index(phase))
    ends, end_of = np.unique(windows.ends[mine], return_inverse=True)
    closings = seen.replay.closings(phase.segment, ends)
    closed_ns = np.where(closings >= 0, spaced_ns(closings - phase.segment.first, paced.rate), -1)[end_of]
    first_ns, last_ns = paced.warmup_s * 1e9, paced.duration_s * 1e9
    measured = (closed_ns >= first_ns) & (closed_ns < last_ns)
    mine, closed_ns = mine[measured], closed_ns[measured]
    distinct = len(np.unique(windows.ends[mine]))
    found.add("latency_closings", distinct, "closings", "none", n=len(mine))
    visible_ns = seen.comparison.first_visible_ns[mine]
    missing = int(np.count_nonzero(visible_ns == NEVER))
    names = [f"{name}_{suffix}" for name in _NAMES for suffix in PERCENTILES]
    if missing:
        found.lack(names, f"void: {missing} of the {len(mine)} rows that count are missing")
        return found
    if distinct < CLOSINGS:
        found.lack(names, f"only {distinct} distinct windows closed in the measured part, {CLOSINGS} are needed")
        return found
    result_ns = visible_ns - phase.start_ns - closed_ns
    event_ns = visible_ns - phase.start_ns - spaced_ns(windows.last_ids[mine] - phase.segment.first, paced.rate)
    for name, samples in zip(_NAMES, (result_ns, event_ns), strict=True):
        _add_percentiles(found, name, samples)
    early = int(np.count_nonzero(result_ns < 0))
    found.add("early_rows", early, "rows", "lower", n=len(mine))
    if early:
        found.notes.append(
            f"{early} of {len(mine)} rows were visible before their window could be known to be complete"
        )
    found.series += [
        _curve("latency percentiles", "result latency, ms", result_ns),
        _curve("event-time latency percentiles", "event-time latency, ms", event_ns),
        *_by_second(closed_ns, result_ns, paced),
    ]
    return found


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
    """p50, p99 and maximum of the windows that close in each second of the measured part."""
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
