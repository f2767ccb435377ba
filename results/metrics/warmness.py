"""Whether the last backlog found the engine warm, judged again from what was recorded (METHOD.md, "Throughput")."""

from __future__ import annotations

from dataclasses import dataclass

from results.evidence.samples import NoSamples
from results.metrics.attempts import drained, equal_ones
from results.metrics.basis import Basis
from results.metrics.foreign import judged
from results.warmth import GROWTH, LEAST, Drained, growth


@dataclass(frozen=True)
class Warmness:
    """equal: the backlogs before the last one, as far as they are of one size. growth: as in `results.warmth`; None
    where it is not known. doubt: why the engine was not warm, or is not known to have been; None where it was.
    """

    equal: list[Drained]
    growth: float | None = None
    doubt: str | None = None


def warmness(basis: Basis) -> Warmness:
    """Of the drains of a trial; a pure function of what was recorded, whatever the trial itself believed."""
    if basis.drain.backlogs is None:
        return _unknown([], f"before method version {DOUBLING_BEFORE} the backlogs doubled, however warm it was")
    samples = basis.samples if basis.has("samples") else None
    read = [drained(each, samples) for each in equal_ones(basis.attempts, basis.drain.events)]
    equal = [each for each in read if isinstance(each, Drained)]
    if why := next((each for each in read if isinstance(each, str)), None):
        return _unknown(equal, why)
    grew = growth(equal) if equal else None
    if grew is None:
        return _unknown(equal, "no CPU of the engine was seen in the backlogs before")
    if len(equal) < LEAST:
        found = f"{len(equal)} equal backlogs were drained before, and {LEAST} are needed"
        return Warmness(equal, grew, f"{_NOT_KNOWN}: {found}")
    if grew < GROWTH:
        hidden = _hidden(basis)
        return Warmness(equal, grew, f"{_NOT_KNOWN}: {hidden}, which may hide that it grew" if hidden else None)
    total = sum(each.events for each in equal)
    still = f"the engine was still warming up: over the last doubling of events, to {total:,}, events per CPU-second"
    return Warmness(equal, grew, f"{still} grew by {grew:.0%}".replace("%", " %"))


_NOT_KNOWN = "the engine is not known to have been warm"
DOUBLING_BEFORE = 9
"""Before this method version the backlogs of a trial doubled."""


def _hidden(basis: Basis) -> str:
    """What moved figures of CPU beside the equal backlogs; empty for nothing that is known."""
    tried = equal_ones(basis.attempts, basis.drain.events)
    try:
        spell = basis.machine.between(tried[0].committed_ns, tried[-1].visible_ns or 0)
    except NoSamples:
        return ""
    quiet = judged(spell, "the equal backlogs")
    return quiet.cpu if quiet.cpu_bracketed else ""


def _unknown(equal: list[Drained], why: str) -> Warmness:
    return Warmness(equal, None, f"{_NOT_KNOWN}: {why}")


def not_warm(basis: Basis) -> str | None:
    """Why figures of the last backlog say less than they seem to; None where it found the engine warm."""
    return warmness(basis).doubt
