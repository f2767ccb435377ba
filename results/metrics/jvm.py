"""Which part of an engine's CPU its JVMs took to compile and to collect garbage (METHOD.md, "CPU and memory")."""

from __future__ import annotations

from results.evidence.jvm_threads import JvmThreads, NoThreads, Shares
from results.evidence.samples import ENGINE, NoSamples
from results.metrics.attempts import brief, last_attempt
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.metrics.warmness import not_warm

NOTED = 0.20
"""From this share of JIT and GC on, a note says so."""

JIT = Metric("jit_share", "%", "none", "Of the CPU of the engine's JVMs, the part of threads that compile")
GC = Metric("gc_share", "%", "none", "Of the CPU of the engine's JVMs, the part of threads that collect garbage")
ENDED = Metric(
    "ended_share", "%", "none", "Of the CPU of the engine's JVMs, the part of threads that ended and were not seen"
)
CORES = Metric(
    "busy_cores_without_jit_gc", "cores", "lower", "Busy cores of the engine without what JIT and GC threads took"
)
EVENTS_PER_SECOND = Metric(
    "events_per_cpu_second_without_jit_gc",
    "events/CPU-s",
    "higher",
    "Events of the last backlog for each second of CPU that the engine took, without JIT and GC threads",
)


def measure(basis: Basis) -> Measured:
    """Of the measured part, or of the last backlog; nothing for an engine that does not run on the JVM."""
    found, threads = Measured(), JvmThreads(basis.history)
    spans = _span_ns(basis)
    figure = CORES if basis.kind == "paced" else EVENTS_PER_SECOND
    if threads.recorded and not threads.jvms_since(ENGINE, 0):
        return found
    if isinstance(spans, str):
        found.lack([JIT, GC, ENDED, figure], spans)
        return found
    try:
        shares, spent_s = threads.shares(ENGINE, *spans), basis.samples.cpu_s(ENGINE, *spans)
    except (NoThreads, NoSamples) as none:
        found.lack([JIT, GC, ENDED, figure], str(none))
        return found
    if shares.all <= 0:
        found.lack([JIT, GC, ENDED, figure], "the threads of its JVMs took no CPU that could be seen")
        return found
    _add(found, basis, shares, spent_s - shares.jit - shares.gc)
    return found


def _span_ns(basis: Basis) -> tuple[int, int] | str:
    """From when to when; or why there is no such time."""
    if basis.kind == "paced":
        return basis.measured_ns
    last = last_attempt(basis.attempts)
    return last if isinstance(last, str) else (last.committed_ns, last.visible_ns or last.committed_ns)


def _add(found: Measured, basis: Basis, shares: Shares, left_s: float) -> None:
    """left_s: CPU seconds of the engine without JIT and GC."""
    for metric, part_s in ((JIT, shares.jit), (GC, shares.gc), (ENDED, shares.ended)):
        found.add(metric, 100 * part_s / shares.all)
    spans = _span_ns(basis)
    if basis.kind == "paced" and not isinstance(spans, str):
        found.add(CORES, max(0.0, left_s) / ((spans[1] - spans[0]) / 1e9))
    elif left_s > 0:
        events = basis.attempts[-1].phase.segment.count
        found.add(EVENTS_PER_SECOND, events / left_s, n=events)
        for doubt in (brief(basis.attempts[-1]), not_warm(basis)):
            if doubt is not None:
                found.bracket([EVENTS_PER_SECOND], doubt)
    else:
        found.lack([EVENTS_PER_SECOND], "JIT and GC threads took all the CPU that samples tell of")
    if (share := (shares.jit + shares.gc) / shares.all) >= NOTED:
        parts = f"JIT {100 * shares.jit / shares.all:.0f} %, GC {100 * shares.gc / shares.all:.0f} %"
        when = "in the measured part" if basis.kind == "paced" else "in the last backlog"
        found.notes.append(
            f"{when} {100 * share:.0f} % of the CPU of its JVMs went to compiling and collecting ({parts})"
        )


measurement = Measurement(
    "share of JIT and GC",
    (JIT, GC, ENDED, CORES, EVENTS_PER_SECOND),
    measure,
    needs=frozenset({"matching", "causality", "completion", "samples"}),
)
