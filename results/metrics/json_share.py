"""Which part of an engine's work is JSON, where a profile can tell it (METHOD.md, "CPU and memory")."""

from __future__ import annotations

from results.history import Profiled
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

SAMPLES_NEEDED = 100
"""Of fewer stacks no share is told."""

SHARE = Metric(
    "json_share",
    "%",
    "none",
    "Of what Java threads of the engine's workers did, the part that reads or writes JSON",
)


def measure(basis: Basis) -> Measured:
    """Nothing for an engine that was not profiled."""
    found = Measured()
    for mark in basis.history.of(Profiled):
        if mark.why and not mark.samples:
            found.lack([SHARE], mark.why)
        elif mark.samples < SAMPLES_NEEDED:
            found.lack([SHARE], f"{mark.samples} stacks were sampled, and {SAMPLES_NEEDED} are needed")
        else:
            share = 100 * mark.json_samples / mark.samples
            found.add(SHARE, share, n=mark.samples)
            found.notes.append(f"JSON is {share:.0f} % of what its Java threads do with a backlog")
    return found


measurement = Measurement("share of JSON", (SHARE,), measure, needs=frozenset({"phases"}), kind="drain")
