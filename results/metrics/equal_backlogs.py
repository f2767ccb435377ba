"""What several equal backlogs show together, where a suite measures these (METHOD.md, "Throughput")."""

from __future__ import annotations

from results.metrics.attempts import Attempt, drained
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

RATE = Metric(
    "equal_drain_rate",
    "events/s",
    "higher",
    "Events of the equal backlogs that are measured, by the seconds they lasted",
)
PER_CPU_SECOND = Metric(
    "equal_events_per_cpu_second",
    "events/CPU-s",
    "higher",
    "Events of the equal backlogs that are measured, for each second of CPU that the engine took",
)


def measure(basis: Basis) -> Measured:
    """Of the last backlogs, as many as are measured together; of fewer nothing is said."""
    found, wanted = Measured(), basis.drain.measured
    if wanted is None:
        return found
    last = basis.attempts[-wanted:]
    if len(last) < wanted:
        found.lack(measurement.metrics, f"{len(last)} backlogs were drained, and {wanted} are measured together")
        return found
    _add(found, basis, last)
    return found


def _add(found: Measured, basis: Basis, last: list[Attempt]) -> None:
    read = [drained(each, basis.samples) for each in last]
    events = lasted_s = cpu_s = 0.0
    for each in read:
        if isinstance(each, str):
            found.lack(measurement.metrics, each)
            return
        events, lasted_s, cpu_s = events + each.events, lasted_s + each.seconds, cpu_s + each.cpu_s
    found.add(RATE, events / lasted_s, n=int(events))
    if cpu_s > 0:
        found.add(PER_CPU_SECOND, events / cpu_s, n=int(events))
    else:
        found.lack([PER_CPU_SECOND], "the engine's processes spent no CPU that could be seen")


measurement = Measurement(
    "equal backlogs",
    (RATE, PER_CPU_SECOND),
    measure,
    needs=frozenset({"matching", "causality", "completion", "samples"}),
    kind="drain",
)
