"""How long an engine takes from the submission of its job until it is ready, and what disturbed that."""

from __future__ import annotations

from results.history import EngineReady
from results.metrics.basis import Basis
from results.metrics.disturbance import OwnTime, bracket_disturbed
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

STARTUP = Metric(
    "startup_seconds", "s", "lower", "From submitting the job until an event would be processed at once", own_time=True
)
FOREIGN = Metric(
    "startup_foreign_share", "%", "none", "The share of CPU time that other work took while the engine started"
)


def measure(basis: Basis) -> Measured:
    found, ready = Measured(), basis.history.of(EngineReady)
    if not ready:
        found.lack([STARTUP], "the engine was never ready")
        return found
    found.add(STARTUP, ready[0].startup_s)
    began_ns = ready[0].at_ns - int(ready[0].startup_s * 1e9)
    own = OwnTime(began_ns, ready[0].at_ns, "the start", [STARTUP], share=FOREIGN)
    bracket_disturbed(found, basis, own)
    return found


measurement = Measurement("start-up", (STARTUP, FOREIGN), measure)
