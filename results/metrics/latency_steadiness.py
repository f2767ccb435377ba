"""Whether an engine answered as fast in the later half of a paced part as in the earlier one (METHOD.md, "Latency")."""

from __future__ import annotations

import numpy as np

from results.metrics.basis import Basis
from results.metrics.latency_parts import Parts, parts
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.metrics.steadiness import STEADY, matched_halves_ns

POINTS = 10
"""The commit interval is divided into so many parts: rows are compared with those that became final in the same one."""

LEAST_POINTS = 5
"""In so many of these, both halves must have rows."""

DRIFT = Metric(
    "engine_latency_drift",
    "%",
    "none",
    "By how much the engine's part of p50 in the measured part's later half differs from the earlier one's",
)


def measure(basis: Basis) -> Measured:
    """The engine's part only: the wait for a commit depends on the point of the interval at which a row is final."""
    found, told, halves = Measured(), parts(basis), matched_halves_ns(basis)
    if basis.history.plan.strikes is not None:
        found.lack([DRIFT], "strikes fell into the measured part")
    elif isinstance(told, str) or isinstance(halves, str):
        found.lack([DRIFT], told if isinstance(told, str) else str(halves))
    else:
        medians = [_medians_ns(basis, told, half) for half in halves]
        _compare(found, *medians)
    return found


def _medians_ns(basis: Basis, told: Parts, half_ns: tuple[int, int]) -> dict[int, float]:
    """The median of the engine's part, by the part of the commit interval in which rows became final."""
    interval_ns = basis.history.plan.interval_ms * 1_000_000
    at_ns = told.final_ns + basis.phases[0].start_ns
    points = (at_ns - half_ns[0]) % interval_ns * POINTS // interval_ns
    inside = (at_ns >= half_ns[0]) & (at_ns < half_ns[1])
    return {
        int(point): float(np.median(told.engine_ns[inside & (points == point)])) for point in np.unique(points[inside])
    }


def _compare(found: Measured, earlier: dict[int, float], later: dict[int, float]) -> None:
    both = sorted(earlier.keys() & later.keys())
    before_ms, after_ms = (float(np.mean([half[point] for point in both] or [0])) / 1e6 for half in (earlier, later))
    if len(both) < LEAST_POINTS or before_ms <= 0:
        found.lack(
            [DRIFT],
            f"only in {len(both)} of {POINTS} parts of the commit interval results of both halves became final, and "
            f"{LEAST_POINTS} are needed",
        )
        return
    drift = after_ms / before_ms - 1
    found.add(DRIFT, 100 * drift, n=len(both))
    if abs(drift) > STEADY:
        found.notes.append(
            f"not steady: the engine took {before_ms:.0f} ms to append half of its results in the earlier half of the "
            f"measured part, and {after_ms:.0f} ms in the later one, at the same points of the commit interval"
        )


measurement = Measurement(
    "steadiness of latency",
    (DRIFT,),
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="paced",
)
