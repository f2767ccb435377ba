"""Drain rate: how fast a warm, idle engine works off a backlog that appears at once (METHOD.md, "Throughput")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.phases import Phase
from results.evidence.samples import ENGINE, NoSamples, Samples
from results.metrics.measured import Measured
from results.plan import Drain
from results.result import Series
from results.verdict.examination import Examination
from results.verdict.matching import NEVER

_NAMES = ("drain_rate", "drain_seconds", "drain_events", "drain_commit_intervals")
_CPU = ("cpu_seconds", "events_per_cpu_second", "broker_cpu_seconds")


@dataclass(frozen=True)
class Attempt:
    """One backlog: visible_ns is when the last of its results became visible, None if a result is missing."""

    phase: Phase
    committed_ns: int
    visible_ns: int | None
    missing: int

    @property
    def seconds(self) -> float:
        return ((self.visible_ns or self.committed_ns) - self.committed_ns) / 1e9

    @property
    def rate(self) -> float:
        return self.phase.segment.count / self.seconds


def attempts(seen: Examination) -> list[Attempt]:
    """The drains that were completed, in order. A row counts with its first visible copy."""
    found = []
    for number, phase in enumerate(seen.phases):
        if phase.kind != "drain" or phase.committed_ns is None or phase.complete_ns is None:
            continue
        visible_ns = seen.matching.first_visible_ns[seen.matching.due.phases == number]
        missing = int(np.count_nonzero(visible_ns == NEVER))
        last_ns = int(visible_ns.max()) if len(visible_ns) and not missing else None
        found.append(Attempt(phase, phase.committed_ns, last_ns, missing))
    return found


def throughput(seen: Examination, drain: Drain, interval_ms: int, samples: Samples) -> Measured:
    """Metrics of the last completed drain; the rates of all are in the series `drain attempts`."""
    found = Measured()
    tried = attempts(seen)
    rated = [attempt for attempt in tried if attempt.seconds > 0]
    if rated:
        found.series.append(
            Series(
                name="drain attempts",
                x_label="events in the backlog",
                y_label="drain rate, events/s",
                x=[attempt.phase.segment.count for attempt in rated],
                y=[round(attempt.rate, 3) for attempt in rated],
            )
        )
    if not tried:
        found.lack((*_NAMES, *_CPU), "no drain was completed")
        return found
    last = tried[-1]
    if last.missing:
        found.lack((*_NAMES, *_CPU), f"void: {last.missing} rows of {last.phase.name} are missing")
        return found
    if last.visible_ns is None or last.seconds <= 0:
        found.lack((*_NAMES, *_CPU), f"no row of {last.phase.name} became visible after its backlog was committed")
        return found
    events, lasted = last.phase.segment.count, last.seconds * 1000 / interval_ms
    found.add("drain_rate", last.rate, "events/s", "higher", n=events)
    found.add("drain_seconds", last.seconds, "s", "none")
    found.add("drain_events", events, "events", "none")
    found.add("drain_commit_intervals", lasted, "intervals", "none")
    if len(tried) == 1:
        found.notes.append("one backlog only was drained, for which the engine was not yet warm")
    if lasted < drain.intervals:
        found.notes.append(f"the backlog lasted {lasted:.1f} of the {drain.intervals:g} commit intervals asked")
    try:
        spent = samples.cpu_s(ENGINE, last.committed_ns, last.visible_ns)
        found.add("cpu_seconds", spent, "s", "lower")
        if spent > 0:
            found.add("events_per_cpu_second", events / spent, "events/CPU-s", "higher", n=events)
        else:
            found.lack(["events_per_cpu_second"], "the engine's processes spent no CPU that could be seen")
    except NoSamples as none:
        found.lack(_CPU[:2], str(none))
    try:
        found.add("broker_cpu_seconds", samples.cpu_s(("broker",), last.committed_ns, last.visible_ns), "s", "none")
    except NoSamples as none:
        found.lack(_CPU[2:], str(none))
    return found
