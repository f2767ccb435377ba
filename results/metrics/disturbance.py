"""What disturbed figures that are taken at a time of their own, such as the start: other work, a process of ours that
stood still, a machine that slept. Of a phase's other figures each of these is a measurement (METHOD.md, "Quiet")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.evidence.samples import NoSamples
from results.evidence.wall_clock import sleeps
from results.metrics.basis import Basis
from results.metrics.foreign import judged
from results.metrics.measured import Measured
from results.metrics.metric import Metric
from results.metrics.stops import BETWEEN, stood_still


@dataclass(frozen=True)
class OwnTime:
    """A time of which figures are taken. Times are monotonic ns."""

    from_ns: int
    """When it began."""
    until_ns: int
    """When it ended."""
    name: str
    """What it is, in words, such as `the start`."""
    speeds: Sequence[Metric]
    """Durations and rates that are taken of it."""
    cpu: Sequence[Metric] = ()
    """Figures of CPU that are taken of it."""
    share: Metric | None = None
    """What tells the share of other work; None where nothing does."""

    @property
    def figures(self) -> list[Metric]:
        return [*self.speeds, *self.cpu]


def bracket_disturbed(found: Measured, basis: Basis, own: OwnTime) -> None:
    """Bracket those of the figures that were measured and that something disturbed; tell the share of other work."""
    _bracket_beside_others(found, basis, own)
    still = stood_still(basis.history, own.from_ns, own.until_ns)
    for who in sorted(still.keys() & set(BETWEEN)):
        found.bracket(own.speeds, f"the {who} stood still for {still[who]:.1f} s of {own.name}")
    for sleep in sleeps(basis.machine):
        if own.from_ns < sleep.at_ns <= own.until_ns:
            found.bracket(own.figures, f"the machine slept for {sleep.by_ns / 1e9:.1f} s in {own.name}")


def _bracket_beside_others(found: Measured, basis: Basis, own: OwnTime) -> None:
    shares = [] if own.share is None else [own.share]
    try:
        spell = basis.machine.between(own.from_ns, own.until_ns)
    except NoSamples as none:
        found.lack(shares, str(none))
        return
    quiet = judged(spell, own.name)
    if quiet.untold:
        found.lack(shares, f"whether other work took CPU cannot be told of a time {quiet.untold}")
    elif own.share is not None and basis.has("matching"):
        found.add(own.share, spell.foreign)
    else:
        found.lack(shares, "rows were not held against those that are due")
    if quiet.speeds:
        found.bracket(own.speeds, quiet.speeds)
    if quiet.cpu_bracketed:
        found.bracket(own.cpu, quiet.cpu)
