"""Result latency in two parts (METHOD.md, "Where latency goes"). Until a row is appended to the log it is the engine's
work; from then until the row can be read it is the wait for a commit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.append_times import appended_ns, untold
from results.evidence.gaps import visible_since_ns
from results.metrics.basis import Basis
from results.metrics.latency import add_percentiles, counted
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from workloads.stream import Integers

_SAID = {"mean": "Mean time", "p50": "Median time", "p99": "99th percentile of the time"}
ENGINE = {
    suffix: Metric(
        f"engine_latency_{suffix}", "ms", "lower", f"{said} from when a result could be final until it was appended"
    )
    for suffix, said in _SAID.items()
}
COMMIT = {
    suffix: Metric(
        f"commit_wait_{suffix}", "ms", "lower", f"{said} from when a result was appended until it could be read"
    )
    for suffix, said in _SAID.items()
}
WHOLE = Metric("latency_mean", "ms", "lower", "Mean time from when a result could be final until it could be read")


@dataclass(frozen=True)
class Parts:
    """Of the rows whose latency counts, as columns of equal length, in ns."""

    final_ns: Integers
    """When what makes them final is planned, from the start of the phase."""
    engine_ns: Integers
    """From then until the append."""
    commit_ns: Integers
    """From the append until the row could be read."""
    least_commit_ns: Integers
    """The same if a row that a stalled collector was given late was visible as early as it may have been."""


def parts(basis: Basis) -> Parts | str:
    """Both parts of the latency of each row that counts, or why they cannot be told."""
    rows, matching = counted(basis), basis.seen.matching
    if rows.obstacle is not None:
        return rows.obstacle
    appended = matching.of_first(appended_ns(basis.history, matching.rows))[rows.due]
    if (why := untold(basis.history, appended, rows.visible_ns)) is not None:
        return why
    since_ns = matching.of_first(visible_since_ns(basis.history, matching.rows))[rows.due]
    return Parts(
        final_ns=rows.final_ns,
        engine_ns=appended - basis.phases[0].start_ns - rows.final_ns,
        commit_ns=rows.visible_ns - appended,
        least_commit_ns=np.maximum(since_ns - appended, 0),
    )


def measure(basis: Basis) -> Measured:
    """The means of both parts add up to that of the whole; their percentiles do not, and are of each part by itself."""
    found, told = Measured(), parts(basis)
    if isinstance(told, str):
        found.lack(measurement.metrics, told)
        return found
    for metrics, samples_ns, least_ns in (
        (ENGINE, told.engine_ns, told.engine_ns),
        (COMMIT, told.commit_ns, told.least_commit_ns),
    ):
        found.add(metrics["mean"], samples_ns.mean() / 1e6, n=len(samples_ns))
        add_percentiles(found, metrics, samples_ns, least_ns)
    found.add(WHOLE, (told.engine_ns + told.commit_ns).mean() / 1e6, n=len(told.engine_ns))
    return found


measurement = Measurement(
    "latency in parts",
    (*ENGINE.values(), *COMMIT.values(), WHOLE),
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="paced",
)
