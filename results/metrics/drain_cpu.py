"""What a drain costs: CPU of the engine and of the broker while the last backlog is worked off."""

from __future__ import annotations

from results.evidence.samples import ENGINE, NoSamples
from results.metrics.attempts import brief, last_attempt
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric, TableColumn
from results.metrics.warmness import not_warm

SECONDS = Metric("cpu_seconds", "s", "lower", "CPU of all the engine's processes while the last backlog was drained")
EVENTS_PER_SECOND = Metric(
    "events_per_cpu_second",
    "events/CPU-s",
    "higher",
    "Events of the last backlog for each second of CPU that the engine took",
    TableColumn("events/\nCPU-s", 50, "events per\nCPU-second", bare=True),
)
BROKER_SECONDS = Metric("broker_cpu_seconds", "s", "none", "CPU of the broker and its controller in the same time")


def measure(basis: Basis) -> Measured:
    found, last = Measured(), last_attempt(basis.attempts)
    if isinstance(last, str) or last.visible_ns is None:
        found.lack(measurement.metrics, str(last))
        return found
    events = last.phase.segment.count
    try:
        spent = basis.samples.cpu_s(ENGINE, last.committed_ns, last.visible_ns)
        found.add(SECONDS, spent)
        if spent > 0:
            found.add(EVENTS_PER_SECOND, events / spent, n=events)
        else:
            found.lack([EVENTS_PER_SECOND], "the engine's processes spent no CPU that could be seen")
    except NoSamples as none:
        found.lack([SECONDS, EVENTS_PER_SECOND], str(none))
    try:
        found.add(BROKER_SECONDS, basis.samples.cpu_s(("broker",), last.committed_ns, last.visible_ns))
    except NoSamples as none:
        found.lack([BROKER_SECONDS], str(none))
    for doubt in (brief(last), not_warm(basis)):
        if doubt is not None:
            found.bracket([SECONDS, EVENTS_PER_SECOND], doubt)
    return found


measurement = Measurement(
    "cpu of the drain",
    (SECONDS, EVENTS_PER_SECOND, BROKER_SECONDS),
    measure,
    needs=frozenset({"matching", "causality", "completion", "samples"}),
    kind="drain",
)
