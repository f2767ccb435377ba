"""Whether the broker was cold: which part of its CPU its JVM took to compile, beside what is measured (METHOD.md,
"Quiet"). The first case on a fresh broker would else pay for what later ones have for nothing."""

from __future__ import annotations

from results.evidence.jvm_threads import JvmThreads, NoThreads
from results.metrics.basis import Basis
from results.metrics.foreign import span
from results.metrics.jvm import NOTED
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

JIT = Metric("broker_jit_share", "%", "none", "Of the CPU of the broker's JVM, the part of threads that compile")
_BROKER = ("broker",)


def measure(basis: Basis) -> Measured:
    found, threads, within = Measured(), JvmThreads(basis.history), span(basis)
    if isinstance(within, str):
        found.lack([JIT], within)
        return found
    try:
        shares = threads.shares(_BROKER, *within)
    except NoThreads as none:
        found.lack([JIT], f"of a broker of ours: {none}")
        return found
    if shares.all <= 0:
        found.lack([JIT], "the broker took no CPU that could be seen")
        return found
    found.add(JIT, 100 * shares.jit / shares.all)
    if shares.jit / shares.all >= NOTED:
        found.notes.append(
            f"the broker's JVM was cold: {100 * shares.jit / shares.all:.0f} % of its CPU went to compiling"
        )
    return found


measurement = Measurement("cold broker", (JIT,), measure, needs=frozenset({"matching", "completion"}))
