"""When the wall clock was set while a trial ran, and when the machine slept (METHOD.md, "Quiet").

CLOCK_MONOTONIC and the wall clock (CLOCK_REALTIME) are slewed together, so their difference changes only when the wall
clock is set. CLOCK_BOOTTIME goes on while the machine sleeps, and CLOCK_MONOTONIC does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.machine import MachineSamples
from workloads.stream import Integers

STEP_MS = 5.0
"""What two clocks seem to differ by, less than this, may come from reading one after the other."""

SLEPT_S = 0.1
"""A machine that stood still for less did not sleep."""


@dataclass(frozen=True)
class ClockStep:
    """Between two samples, the second at at_ns (monotonic), a clock moved against CLOCK_MONOTONIC by by_ns."""

    at_ns: int
    by_ns: int


def steps(samples: MachineSamples) -> list[ClockStep]:
    """When the wall clock was set, and by how much."""
    return _changes(samples.at_ns, samples.offsets_ns("wall_ahead_ns"), STEP_MS * 1e6)


def sleeps(samples: MachineSamples) -> list[ClockStep]:
    """When the machine had slept, and for how long."""
    return [one for one in _changes(samples.at_ns, samples.offsets_ns("asleep_ns"), SLEPT_S * 1e9) if one.by_ns > 0]


def _changes(at_ns: Integers, offsets_ns: Integers, least_ns: float) -> list[ClockStep]:
    moved = np.diff(offsets_ns)
    places = np.flatnonzero(np.abs(moved) >= least_ns)
    return [ClockStep(int(at_ns[place + 1]), int(moved[place])) for place in places]
