"""Whether a paced part was steady: does its later half cost what its earlier half did (METHOD.md, "CPU and memory")?"""

from __future__ import annotations

from results.evidence.samples import ENGINE, NoSamples
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

STEADY = 0.10
"""Halves that differ by more than this are not steady."""

LEAST_S = 10.0
"""Halves shorter than this are not compared: a window more or less would weigh too much."""

DRIFT = Metric(
    "busy_cores_drift",
    "%",
    "none",
    "By how much busy cores of the measured part's later half differ from the earlier one's",
)


def measure(basis: Basis) -> Measured:
    """The cores of two halves, which begin at one point of the commit interval and have as many intervals."""
    found, halves = Measured(), matched_halves_ns(basis)
    if basis.history.plan.strikes is not None:
        found.lack([DRIFT], "strikes fell into the measured part")
        return found
    if isinstance(halves, str):
        found.lack([DRIFT], halves)
        return found
    try:
        before, after = (basis.samples.cpu_s(ENGINE, *half) / ((half[1] - half[0]) / 1e9) for half in halves)
    except NoSamples as none:
        found.lack([DRIFT], str(none))
        return found
    if before <= 0:
        found.lack([DRIFT], "the engine's processes spent no CPU that could be seen")
        return found
    drift = after / before - 1
    found.add(DRIFT, 100 * drift)
    if abs(drift) > STEADY:
        found.notes.append(
            f"not steady: the engine took {before:.2f} cores in the earlier half of the measured part and {after:.2f} "
            "in the later one"
        )
    return found


def matched_halves_ns(basis: Basis) -> tuple[tuple[int, int], tuple[int, int]] | str:
    """The earlier and the later half of the measured part, each of whole commit intervals; or why there are none."""
    start_ns, end_ns = basis.measured_ns
    interval_ns = basis.history.plan.interval_ms * 1_000_000
    intervals = (end_ns - start_ns) // interval_ns
    length_ns = intervals // 2 * interval_ns
    if length_ns < LEAST_S * 1e9:
        return f"halves of the measured part are shorter than {LEAST_S:g} s"
    later_ns = start_ns + (intervals - intervals // 2) * interval_ns
    return (start_ns, start_ns + length_ns), (later_ns, later_ns + length_ns)


measurement = Measurement("steadiness", (DRIFT,), measure, needs=frozenset({"phases", "samples"}), kind="paced")
