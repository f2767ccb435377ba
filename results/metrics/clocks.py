"""Clocks that a trial cannot trust: a machine that slept, a wall clock that was set (METHOD.md, "Quiet")."""

from __future__ import annotations

from results.evidence.machine import SINCE
from results.evidence.wall_clock import sleeps, steps
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

ASLEEP = Metric("asleep_seconds", "s", "none", "For so long the machine slept while the trial ran")
STEP = Metric("clock_step", "ms", "none", "By so much the wall clock was set while the trial ran, steps in sum")


def measure(basis: Basis) -> Measured:
    found, samples = Measured(), basis.machine
    if not len(samples.at_ns):
        found.lack(measurement.metrics, f"nothing was recorded of clocks (method versions before {SINCE} did not)")
        return found
    slept, stepped = sleeps(samples), steps(samples)
    found.add(ASLEEP, sum(one.by_ns for one in slept) / 1e9)
    found.add(STEP, sum(abs(one.by_ns) for one in stepped) / 1e6)
    for sleep in slept:
        inside = next(
            (phase for phase in basis.phases if phase.start_ns < sleep.at_ns <= (phase.complete_ns or sleep.at_ns)),
            None,
        )
        why = f"the machine slept for {sleep.by_ns / 1e9:.1f} s"
        if inside is None:
            found.notes.append(f"{why} while the trial ran, outside of what is measured here")
        else:
            found.reserve("speeds", f"{why} in phase {inside.name}")
            found.reserve("cpu", f"{why} in phase {inside.name}")
    for step in stepped:
        found.notes.append(
            f"the wall clock was set by {step.by_ns / 1e9:+.3f} s while the trial ran: the times at which rows were "
            "appended say nothing"
        )
    return found


measurement = Measurement("clocks", (ASLEEP, STEP), measure, needs=frozenset({"phases"}))
