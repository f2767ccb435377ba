"""Busy cores: CPU seconds a second over the measured part of a paced phase (METHOD.md, "CPU and memory")."""

from __future__ import annotations

from results.evidence.samples import ENGINE, NoSamples
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

BUSY = Metric("busy_cores", "cores", "lower", "CPU seconds a second of all the engine's processes")
HARNESS = Metric("harness_cores", "cores", "lower", "CPU seconds a second of the collector and the sampler")
_INSTRUMENTS = ("collector", "sampler")
_ROLES = {
    role: Metric(f"{role}_cores", "cores", "lower", f"CPU seconds a second of the {role}")
    for role in (*ENGINE, "broker", "generator", *_INSTRUMENTS)
}
_GROUPS = [(BUSY, ENGINE), (HARNESS, _INSTRUMENTS), *((metric, (role,)) for role, metric in _ROLES.items())]


def measure(basis: Basis) -> Measured:
    found, (start_ns, end_ns) = Measured(), basis.measured_ns
    for metric, roles in _GROUPS:
        try:
            found.add(metric, basis.samples.cpu_s(roles, start_ns, end_ns) / ((end_ns - start_ns) / 1e9))
        except NoSamples as none:
            found.lack([metric], str(none))
    return found


measurement = Measurement(
    "cpu",
    tuple(metric for metric, _ in _GROUPS),
    measure,
    needs=frozenset({"matching", "completion", "samples"}),
    kind="paced",
)
