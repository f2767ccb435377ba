"""Peaks of memory over the phases of one kind (METHOD.md, "CPU and memory")."""

from __future__ import annotations

from results.evidence.samples import ENGINE, NoSamples
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric, TableColumn
from results.metrics.statistics import thinned
from results.result import Series

PEAK = Metric(
    "memory_peak",
    "bytes",
    "lower",
    "The largest PSS of all the engine's processes in sum",
    TableColumn("peak\nmemory", 60),
)
RSS_PEAK = Metric("rss_peak", "bytes", "lower", "The largest RSS of all the engine's processes in sum")
ROLE_PEAKS = {
    role: Metric(f"{role}_memory_peak", "bytes", "lower", f"The largest PSS of the engine's {role}s in sum")
    for role in ENGINE
}
SERIES = "memory"
_POINTS = 200


def measure(basis: Basis) -> Measured:
    found, start_ns = Measured(), basis.phases[0].start_ns
    # Of a trial that failed it is said how much memory there was while it could be sampled.
    end_ns = basis.phases[-1].complete_ns or max(start_ns, basis.samples.ended_ns)
    for metric, roles, size in (
        (PEAK, ENGINE, "pss"),
        (RSS_PEAK, ENGINE, "rss"),
        *((metric, (role,), "pss") for role, metric in ROLE_PEAKS.items()),
    ):
        try:
            times, sizes = basis.samples.memory(roles, size, start_ns, end_ns)
        except NoSamples as none:
            found.lack([metric], str(none))
            continue
        found.add(metric, int(sizes.max()), n=len(sizes))
        if metric is PEAK:
            x, y = thinned((times - start_ns) / 1e9, sizes, _POINTS)
            found.series.append(
                Series(
                    name=SERIES,
                    x_label="s after the phase began",
                    y_label="PSS of the engine, bytes",
                    x=[round(value, 3) for value in x],
                    y=y,
                )
            )
    return found


measurement = Measurement(
    "memory", (PEAK, RSS_PEAK, *ROLE_PEAKS.values()), measure, needs=frozenset({"phases", "samples"})
)
