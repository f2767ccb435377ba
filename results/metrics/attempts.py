"""The drains of a trial, one after the other: how long each lasted, and whether its rows came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from results.evidence.phases import Phase
from results.evidence.samples import ENGINE, NoSamples, Samples
from results.history import PROFILED
from results.verdict.examination import Examination
from results.warmth import LASTS_S, Drained


@dataclass(frozen=True)
class Attempt:
    """One backlog. Times are monotonic ns."""

    phase: Phase
    """The drain phase."""
    committed_ns: int
    """When the engine could first see the backlog."""
    visible_ns: int | None
    """When the last of its results became visible; None where a result is missing, or none is due."""
    since_ns: int | None
    """When the last result may have become visible already, where the collector was given it late; None as above."""
    missing: int
    """How many rows are missing; where some are, the attempt is void."""

    @property
    def seconds(self) -> float:
        return ((self.visible_ns or self.committed_ns) - self.committed_ns) / 1e9

    @property
    def least_seconds(self) -> float:
        """The same if the collector was given the last rows late."""
        return (max(self.since_ns or 0, self.committed_ns) - self.committed_ns) / 1e9

    @property
    def rate(self) -> float:
        return self.phase.segment.count / self.seconds


def attempts(seen: Examination) -> list[Attempt]:
    """The drains that were completed, in order, but for a profiled one. A row counts with its first visible copy."""
    found = []
    for phase, rows in zip(seen.phases, seen.answered, strict=True):
        if phase.kind != "drain" or phase.committed_ns is None or phase.complete_ns is None or phase.name == PROFILED:
            continue
        whole = rows.due > 0 and not rows.missing
        last_ns, least_ns = (each if whole else None for each in (rows.visible_ns, rows.since_ns))
        found.append(Attempt(phase, phase.committed_ns, last_ns, least_ns, rows.missing))
    return found


def last_attempt(tried: Sequence[Attempt]) -> Attempt | str:
    """The last drain that was completed, or why nothing can be said of one."""
    if not tried:
        return "no drain was completed"
    return _void(tried[-1]) or tried[-1]


def _void(attempt: Attempt) -> str | None:
    """Why nothing can be said of a drain, or None."""
    if attempt.missing:
        return f"void: {attempt.missing} rows of {attempt.phase.name} are missing"
    if attempt.visible_ns is None or attempt.seconds <= 0:
        return f"no row of {attempt.phase.name} became visible after its backlog was committed"
    return None


def brief(attempt: Attempt) -> str | None:
    """Why figures of a drain say less than they seem to, where it is over before much but fixed parts was seen."""
    if attempt.seconds >= LASTS_S:
        return None
    return (
        f"the backlog lasted {attempt.seconds:.1f} s only: what every drain takes, whatever its size, is much of that"
    )


def equal_ones(tried: Sequence[Attempt], events: int) -> Sequence[Attempt]:
    """Of the drains before the last one, those of so many events that stand at the beginning: the warm-up's."""
    return list(takewhile(lambda each: each.phase.segment.count == events, tried[:-1]))


def drained(attempt: Attempt, samples: Samples | None) -> Drained | str:
    """A drain as the rule of warmth takes it, or why nothing can be said of it. samples: None where there are none."""
    if why := _void(attempt):
        return why
    if samples is None or attempt.visible_ns is None:
        return "samples of CPU cannot be read"
    try:
        cpu_s = samples.cpu_s(ENGINE, attempt.committed_ns, attempt.visible_ns)
    except NoSamples as none:
        return str(none)
    return Drained(attempt.phase.segment.count, attempt.seconds, cpu_s)
