"""The phases of a trial as its marks tell them, and whether the trial came to an end that allows a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from results.history import (
    MARKS,
    TRIAL,
    Committed,
    Complete,
    DamagedHistory,
    Ended,
    EngineReady,
    Failed,
    History,
    Loaded,
    PhaseBegin,
    Quiescent,
)
from results.plan import Paced
from results.result import PhaseKind
from workloads.stream import CONTROL_IDS, Integers, Segment


@dataclass(frozen=True)
class Phase:
    """One segment of the stream. Times are monotonic ns, None where the trial did not get so far."""

    name: str
    """Unique in the trial, such as `paced`."""
    kind: PhaseKind
    """How its events were sent."""
    segment: Segment
    """The events that were sent; fewer than planned where the phase was cut short."""
    start_ns: int
    """What planned times are counted from; in a drain phase, when writing began."""
    committed_ns: int | None
    """When the engine could first see the backlog; None in a paced phase, too."""
    loaded_ns: int | None
    """When the last event was acknowledged."""
    complete_ns: int | None
    """When results were seen for all events of the first closing round."""
    load: Paced | None = None
    """The load that was planned of a paced phase or a probe; None in a drain."""

    @property
    def timed(self) -> bool:
        """Whether its events had planned times."""
        return self.kind != "drain"

    def holds(self, ids: Integers) -> NDArray[np.bool_]:
        """Which of these events are the phase's."""
        return np.asarray((ids >= self.segment.first) & (ids < self.segment.first + self.segment.count), dtype=np.bool_)


def phases(history: History) -> list[Phase]:
    """The phases that began, in order. Raises DamagedHistory where their marks contradict each other."""
    found = []
    for begin in history.of(PhaseBegin):
        name = begin.phase

        def at(kind: type[Committed | Loaded | Complete], name: str = name) -> int | None:
            return next((mark.at_ns for mark in history.of(kind) if mark.phase == name), None)

        segment = Segment(**begin.segment.model_dump())
        _check_plan(history, begin)
        segment = replace(segment, count=_sent(history, name, segment.count))
        if segment.count <= 0 or segment.first < 0 or segment.first + segment.count > CONTROL_IDS or segment.rate <= 0:
            raise DamagedHistory(f"phase {name} has no such segment: {segment}", history.folder / MARKS)
        times = at(Committed), at(Loaded), at(Complete)
        found.append(Phase(name, begin.kind, segment, begin.start_ns, *times, _load(history, begin)))
        _check_order(history, begin, found[-1])
    if len({phase.name for phase in found}) < len(found):
        raise DamagedHistory("a phase began twice", history.folder / MARKS)
    for before, after in pairwise(sorted(found, key=lambda phase: phase.segment.first)):
        if after.segment.first < before.segment.first + before.segment.count:
            raise DamagedHistory(f"phases {before.name} and {after.name} share events", history.folder / MARKS)
    for before, after in pairwise(sorted(found, key=lambda phase: phase.segment.base_ms)):
        if after.segment.base_ms < before.segment.base_ms + before.segment.duration_ms:
            raise DamagedHistory(f"phases {before.name} and {after.name} overlap in event time", history.folder / MARKS)
    return found


def _load(history: History, begin: PhaseBegin) -> Paced | None:
    """The load that was planned. Raises DamagedHistory for a probe that does not tell it."""
    if begin.kind == "drain":
        return None
    if begin.kind == "paced":
        return history.plan.paced
    if begin.load is None or begin.load.measured_s <= 0:
        raise DamagedHistory(f"probe {begin.phase} does not tell its load", history.folder / MARKS)
    return Paced(rate=begin.load.rate, warmup_s=begin.load.warmup_s, measured_s=begin.load.measured_s)


def _check_plan(history: History, begin: PhaseBegin) -> None:
    """Raises DamagedHistory if a phase has another course than the trial's plan gives it."""
    plan, segment = history.plan, begin.segment
    if begin.kind == "probe":
        planned = begin.load.rate * plan.search.event_share if begin.load and plan.search else None
        if segment.curve or planned is None or abs(segment.rate - planned) > 1e-6 * planned:
            what = f"event rate of probe {begin.phase} is {segment.rate}, and {planned} by its load and {TRIAL}"
            raise DamagedHistory(what, history.folder / MARKS)
        return
    curve = plan.paced.curve if plan.paced is not None and begin.kind == "paced" else ()
    for name, found, asked in (("rate", segment.rate, plan.event_rate), ("curve", segment.curve, curve)):
        if found != asked:
            raise DamagedHistory(
                f"{name} of phase {begin.phase} is {found}, and {asked} by {TRIAL}", history.folder / MARKS
            )


def _check_order(history: History, begin: PhaseBegin, phase: Phase) -> None:
    """Raises DamagedHistory if a phase was committed, loaded or complete before what comes before it."""
    steps = (("begun", begin.at_ns), ("committed", phase.committed_ns), ("loaded", phase.loaded_ns))
    known = [(step, at_ns) for step, at_ns in (*steps, ("complete", phase.complete_ns)) if at_ns is not None]
    for (before, before_ns), (after, after_ns) in pairwise(known):
        if after_ns < before_ns:
            raise DamagedHistory(
                f"phase {phase.name} was {after} at {after_ns}, before it was {before} at {before_ns}",
                history.folder / MARKS,
            )


def _sent(history: History, phase: str, planned: int) -> int:
    """How many events of a phase were sent; less than planned where it was cut short."""
    counts: list[int] = [mark.count for mark in history.of(Loaded) if mark.phase == phase and mark.count is not None]
    return min([planned, *counts])


def as_sent(paced: Paced, phase: Phase) -> Paced:
    """What a paced phase was, where it was cut short of what was planned."""
    if paced.recorded:  # A recording is never cut short, and its rate is an average.
        return paced
    measured_s = min(paced.measured_s, phase.segment.count / paced.rate - paced.warmup_s)
    return paced if measured_s <= 0 else paced.model_copy(update={"measured_s": measured_s})


def unfinished(history: History) -> str | None:
    """Why the trial did not write all that a matching needs, in a line, or None if it did."""
    for failed in history.of(Failed):
        # What a process printed last often stands behind the first line; its very last line says most.
        lines = failed.what.splitlines() or ["no reason was recorded"]
        what = lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1].strip()}"
        if failed.interrupted:
            return f"interrupted in phase {failed.phase}"
        return f"did not finish: {what} (in phase {failed.phase}; see {failed.where})"
    if not history.marks:
        return "did not finish: the trial recorded nothing; see its logs"
    last = history.marks[-1].mark
    if not history.of(EngineReady):
        return f"did not finish: the engine was never ready (the last mark is {last!r})"
    if not history.of(Ended):
        return f"did not finish: the trial stopped without a word (its last mark is {last!r})"
    return None


def last_lines(history: History) -> list[str]:
    """What the process that failed the trial printed last; empty where none did."""
    return [line.rstrip() for failed in history.of(Failed) for line in failed.what.splitlines()[1:]]


def obstacle(history: History, kind: PhaseKind) -> str | None:
    """Why the trial allows no verdict on phases of this kind, in a line, or None if it does."""
    if (why := unfinished(history)) is not None:
        return why
    mine = [phase for phase in phases(history) if phase.kind == kind]
    if not mine:
        return f"did not finish: no {kind} phase began"
    for phase in mine:
        if phase.loaded_ns is None:
            return f"did not finish: the events of phase {phase.name} were never all acknowledged"
        if phase.complete_ns is None:
            return f"did not finish: no results were seen for the closing events of phase {phase.name}"
        if phase.kind == "drain" and phase.committed_ns is None:
            return f"did not finish: the backlog of phase {phase.name} was never committed"
    at_rest = max((mark.at_ns for mark in history.of(Quiescent)), default=None)
    if at_rest is None or any(at_rest < (phase.complete_ns or 0) for phase in mine):
        return "no quiescence: the outputs were not seen to stand still, so more rows may have been on their way"
    return None
