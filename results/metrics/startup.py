"""How long an engine takes from the submission of its job until it is ready."""

from __future__ import annotations

from results.history import EngineReady
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

STARTUP = Metric("startup_seconds", "s", "lower", "From submitting the job until an event would be processed at once")


def measure(basis: Basis) -> Measured:
    found, ready = Measured(), basis.history.of(EngineReady)
    if ready:
        found.add(STARTUP, ready[0].startup_s)
    else:
        found.lack([STARTUP], "the engine was never ready")
    return found


measurement = Measurement("start-up", (STARTUP,), measure)
