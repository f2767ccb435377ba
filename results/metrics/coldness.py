"""Which JVMs were cold under the paced load: those that no backlog warmed, and those that a strike ended and that were
started again (METHOD.md, "Throughput"). Says so, and gives no figure."""

from __future__ import annotations

from results.evidence.jvm_threads import JvmThreads
from results.evidence.samples import ENGINE
from results.history import Strike
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement


def measure(basis: Basis) -> Measured:
    found, threads = Measured(), JvmThreads(basis.history)
    if not threads.jvms_since(ENGINE, 0):
        return found
    if basis.history.plan.drain is None:
        found.notes.append(
            "cold: no backlogs were drained before, so that its JVMs had the paced warm-up of "
            f"{basis.paced.warmup_s:g} s only"
        )
    struck = [mark.at_ns for mark in basis.history.of(Strike) if mark.step == "injecting"]
    again = threads.jvms_since(ENGINE, min(struck)) if struck else 0
    if again:
        found.notes.append(
            f"cold: {again} of its JVMs began after a strike, and what they did while cold is in the figures"
        )
    return found


measurement = Measurement("cold processes", (), measure, needs=frozenset({"phases"}), kind="paced")
