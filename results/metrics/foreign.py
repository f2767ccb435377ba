"""Was the machine quiet: what other work took beside a phase, and what that makes of figures (METHOD.md, "Quiet")."""

from __future__ import annotations

from dataclasses import dataclass

from results.evidence.machine import NothingRecorded, Spell
from results.evidence.samples import NoSamples
from results.metrics.attempts import last_attempt
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.plan import POLLED

SPEEDS_PERCENT = 5.0
"""From this on, speeds stand in brackets."""

CPU_PERCENT = 25.0
"""From this on, so do figures of CPU."""

SHORT_S = 3.0
"""Of a shorter phase it cannot be told: the kernel counts CPU time in ticks, which err by one to two per cent there."""

WAITED_PERCENT = 25.0
"""Where it cannot be told: if our threads waited for a CPU for so much of the time in which they could run."""

FOREIGN = Metric("foreign_share", "%", "none", "CPU time that other work took, of all the time of the CPUs in use")
STEAL = Metric("steal_share", "%", "none", "CPU time that the hypervisor gave to others, of all the time of the CPUs")
WAITED = Metric("waited_share", "%", "none", "Of the time in which threads of the trial could run, what they waited")
PRESSURE = Metric("cpu_pressure", "%", "none", "Time in which some task of the machine waited for a CPU")
THROTTLED = Metric("throttled_share", "%", "none", "Time for which a CPU quota held the trial back")


@dataclass(frozen=True)
class Quiet:
    """What is to be said. untold: why the share of others cannot be told, empty where it can. speeds: why speeds stand
    in brackets. cpu: why figures of CPU do, or are to be read with care; empty where not.
    """

    untold: str = ""
    speeds: str = ""
    cpu: str = ""
    cpu_bracketed: bool = False


def judged(spell: Spell, beside: str) -> Quiet:
    """beside: what the spell was, in words."""
    untold = ""
    if spell.lasted_s < SHORT_S:
        untold = f"under {SHORT_S:g} s"
    elif spell.kernel_s is None:
        untold = "in a container, which does not show the processes of others"
    taken = spell.foreign + spell.steal
    others = f"other work took {spell.foreign:.0f} % of the CPU time"
    others += f" and the hypervisor {spell.steal:.0f} %" if spell.steal >= 1 else ""
    speeds = f"beside {beside} {others}" if taken >= SPEEDS_PERCENT else ""
    if untold:
        waited = spell.waited is not None and spell.waited >= WAITED_PERCENT
        pressed = spell.pressure is None or spell.pressure >= WAITED_PERCENT
        waited_for = (
            f"processes of the trial waited for a CPU for {spell.waited or 0:.0f} % of the time, perhaps for other"
        )
        speeds = f"beside {beside} {waited_for} work" if speeds and waited and pressed else ""
    cpu = speeds
    if spell.throttled is not None and spell.throttled >= SPEEDS_PERCENT:
        speeds = f"a CPU quota held the trial back for {spell.throttled:.0f} % of {beside}"
    return Quiet(untold, speeds, cpu, bool(cpu) and taken >= CPU_PERCENT)


def span(basis: Basis) -> tuple[int, int] | str:
    """From when to when the figures of a phase are taken, monotonic ns; or why there are none."""
    if basis.kind == "paced":
        return basis.measured_ns
    if basis.history.plan.polled:
        # Its last row came at a time that nothing tells.
        return f"none: {POLLED}"
    last = last_attempt(basis.attempts)
    if isinstance(last, str) or last.visible_ns is None:
        return str(last)
    # Of several that are measured together, from the first of them on.
    first = basis.attempts[-(basis.drain.measured or 1) :][0]
    return first.committed_ns, last.visible_ns


def measure(basis: Basis) -> Measured:
    found, within = Measured(), span(basis)
    if isinstance(within, str):
        found.lack(measurement.metrics, within)
        return found
    try:
        spell = basis.machine.between(*within)
    except NoSamples as none:
        found.lack(measurement.metrics, str(none))
        if not isinstance(none, NothingRecorded):
            found.notes.append(f"whether other work took CPU is not known: {none}")
        return found
    quiet = judged(spell, "the measured part" if basis.kind == "paced" else "the drain")
    if quiet.untold:
        why = f"whether other work took CPU cannot be told of a phase {quiet.untold}"
        found.lack([FOREIGN], why)
        found.notes.append(why)
    else:
        found.add(FOREIGN, spell.foreign)
    for metric, share in ((WAITED, spell.waited), (PRESSURE, spell.pressure), (THROTTLED, spell.throttled)):
        if share is not None:
            found.add(metric, share)
    found.add(STEAL, spell.steal)
    if quiet.speeds:
        found.reserve("speeds", quiet.speeds)
    if quiet.cpu_bracketed:
        found.reserve("cpu", quiet.cpu)
    elif quiet.cpu:
        found.notes.append(f"{quiet.cpu}: figures of CPU were seen to move by 5 to 30 % beside other work")
    return found


measurement = Measurement(
    "quiet", (FOREIGN, STEAL, WAITED, PRESSURE, THROTTLED), measure, needs=frozenset({"matching", "completion"})
)
