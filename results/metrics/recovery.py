"""How an engine comes back after strikes: medians over the strikes of a trial (METHOD.md, "Faults and recovery")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.metrics.statistics import median_interval
from results.result import StrikeResult

EXPOSED = Metric("strikes_exposed", "strikes", "none", "Strikes that put at stake what a weaker guarantee would break")
DETECTED = Metric("recovery_detected", "s", "lower", "Until the engine showed that it had noticed the fault")
RESTART = Metric("recovery_restart", "s", "lower", "Until the fault was undone and what died was started again")
FIRST_OUTPUT = Metric("recovery_first_output", "s", "lower", "Until the first new row could be read")
CAUGHT_UP = Metric("recovery_caught_up", "s", "lower", "Until latency and lag were again as before the first strike")
MAX_LATENCY = Metric("recovery_max_latency", "ms", "lower", "The largest result latency while a strike was watched")
LOST_SERVICE = Metric("recovery_lost_service", "s", "lower", "Seconds' worth of output that did not come in its time")


@dataclass(frozen=True)
class _Time:
    """A metric that is a median over strikes."""

    metric: Metric
    """The metric that it gives."""
    of: Callable[[StrikeResult], float | None]
    """Its value for one strike; None where the strike has none and is not counted."""
    what: str
    """What became of the strikes that it counts: it stands after `3 of 5 strikes`."""
    from_marks: bool = False
    """Whether the trial's marks alone tell it, without a baseline of the output."""
    counted: bool = False
    """Whether a note says how many strikes it counts, where that is not all."""


_TIMES = (
    _Time(DETECTED, lambda strike: strike.detected_s, "were noticed", from_marks=True),
    _Time(RESTART, lambda strike: strike.healed_s, "were healed", from_marks=True),
    _Time(FIRST_OUTPUT, lambda strike: strike.first_output_s, "were followed by new output", counted=True),
    _Time(CAUGHT_UP, lambda strike: strike.caught_up_s, "were recovered from", counted=True),
    _Time(MAX_LATENCY, lambda strike: strike.max_latency_ms, "saw rows due"),
    _Time(LOST_SERVICE, lambda strike: strike.lost_service_s, "could be measured"),
)

OF_STRIKES = tuple(time.metric for time in _TIMES)
"""Metrics that are medians over strikes."""

TIMES = {time.metric.name: time.of for time in _TIMES}
"""By the metric's name, its value for one strike."""

FROM_OUTPUT = {FIRST_OUTPUT.name, CAUGHT_UP.name}
"""Times until something that every engine shows, unless it does not come back."""

UNTIL = {DETECTED.name, RESTART.name, *FROM_OUTPUT}
"""Times until something: where it did not come, they are longer than the strike was watched."""


def measure(basis: Basis) -> Measured:
    found, watched = Measured(), basis.watched
    injected = [strike for strike in watched.strikes if strike.at_s is not None]
    for time in _TIMES if injected else ():
        values = [value for strike in injected if (value := time.of(strike)) is not None]
        told = f"{len(values)} of {len(injected)} strikes {time.what}"
        if not values:
            found.lack([time.metric], told if time.from_marks or not watched.why else watched.why)
            continue
        median, low, high = median_interval(np.array(values))
        found.add(time.metric, median, n=len(values), bounds=(low, high))
        if time.counted and len(values) < len(injected):
            found.notes.append(told)
    found.notes += [watched.unsteady] if watched.unsteady else []
    exposed = sum(strike.exposed for strike in watched.strikes)
    found.add(EXPOSED, exposed, n=len(watched.strikes))
    return found


measurement = Measurement(
    "recovery",
    (EXPOSED, *(time.metric for time in _TIMES)),
    measure,
    needs=frozenset({"matching", "causality", "completion", "strikes"}),
    kind="paced",
)
