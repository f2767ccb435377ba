"""The largest rate that an engine holds, by probes at several rates (METHOD.md, "Sustained rate")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from results.evidence.phases import Phase
from results.history import DamagedHistory, Probed
from results.metrics import cores, foreign, latency, send_lag
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.plan import Paced, Search
from results.rate_search import BEHIND_MS, COMMITS_NEEDED, Commit, Late, Tried, found, outcome, slope
from results.result import ProbeResult
from results.verdict.matching import NEVER

HELD = Metric(
    "sustained_rate", "events/s", "higher", "The largest rate that the engine held; its interval ends where it failed"
)
FAILED = Metric("failed_rate", "events/s", "higher", "The smallest rate that the engine did not hold")
P50 = Metric(
    "sustained_latency_p50",
    "ms",
    "lower",
    "Within this time half of the results could be read, at the largest rate that was held",
)
P99 = Metric(
    "sustained_latency_p99",
    "ms",
    "lower",
    "Within this time 99 % of results could be read, at the largest rate that was held",
)
CORES = Metric(
    "sustained_cores", "cores", "lower", "CPU seconds a second of the engine at the largest rate that was held"
)

_METRICS = (HELD, FAILED, P50, P99, CORES)


def measure(basis: Basis) -> Measured:
    told, search = Measured(), basis.history.plan.search
    if search is None:
        return told
    told.probes = [_probe(basis, search, phase, number) for number, phase in enumerate(basis.phases, 1)]
    _conclude(told, told.probes, search)
    return told


def _probe(basis: Basis, search: Search, phase: Phase, number: int) -> ProbeResult:
    load = phase.load
    mark = next((each for each in basis.history.of(Probed) if each.phase == phase.name), None)
    if load is None or mark is None:
        raise DamagedHistory(f"probe {phase.name} has no end", basis.history.folder)
    seen = [Commit(each.at_ns / 1e9, each.lag) for each in mark.commits] if mark.commits is not None else None
    one = basis.of_probe(phase)
    latencies, beside = latency.measure(one), foreign.measure(one)
    late = send_lag.judged(one)[1]
    p50, p99 = (_value(latencies, latency.RESULT[name]) for name in ("p50", "p99"))
    verdict = outcome(seen, load.rate, late, mark.cut, basis.history.plan.interval_ms) if late else "inconclusive"
    grew = slope(seen, load.rate) if seen is not None else None
    why = _why(verdict, grew, seen, late, mark.cut)
    bound_ms = search.p99_intervals * basis.history.plan.interval_ms
    worst_ms = _worst_ms(one)
    if verdict == "held" and p99 is not None and p99 > bound_ms:
        verdict, why = "failed", f"p99 of {p99 / 1000:.2f} s, above {bound_ms / 1000:g} s"
    elif verdict == "held" and p99 is None and (worst_ms is None or worst_ms > bound_ms):
        # Where even the largest is within the bound, no p99 can be above it.
        lacking = latencies.absent.get(latency.RESULT["p99"].name, "it is not known")
        verdict, why = "inconclusive", f"p99: {lacking}"
    return ProbeResult(
        number=number,
        rate=round(load.rate, 3),
        seconds=round(_lasted_s(phase, load), 3),
        outcome=verdict,
        why=why,
        confirming=search.how == "search" and load.measured_s >= search.confirm_s > search.probe_s,
        lag_growth=None if grew is None else round(grew, 6),
        commits=None if seen is None else len(seen),
        p50_ms=p50,
        p99_ms=p99,
        max_ms=worst_ms,
        cores=_value(cores.measure(one), cores.BUSY) if one.has("samples") else None,
        bracketed=next((reason for figures, reason in beside.reserved if figures == "speeds"), ""),
        late_ms=None if late is None else round(late.p99_ms, 3),
    )


def _why(verdict: str, grew: float | None, seen: Sequence[Commit] | None, late: Late | None, cut: bool) -> str:
    if late is None:
        return "when events were handed over was not recorded"
    if verdict == "ceiling":
        return f"the load generator was behind its schedule, in the end by {late.at_end_ms:.0f} ms"
    if verdict == "inconclusive" and seen is not None and len(seen) >= COMMITS_NEEDED:
        return f"for a while the load generator was late, by {late.p99_ms:.0f} ms (p99)"
    if verdict == "inconclusive":
        return f"{'no' if seen is None else len(seen)} commits were seen, and {COMMITS_NEEDED} are needed"
    if verdict == "failed":
        told = "" if grew is None else f" by {100 * grew:.1f} % of the load"
        return f"its lag grew{told}{', and it was cut short' if cut else ''}"
    return ""


def _worst_ms(basis: Basis) -> float | None:
    """The largest result latency, of however many closings; None where no row counts or one is missing."""
    rows = latency.counted(basis)
    if not len(rows.due) or np.any(rows.visible_ns == NEVER):
        return None
    return float((rows.visible_ns - basis.phases[0].start_ns - rows.final_ns).max()) / 1e6


def _lasted_s(phase: Phase, load: Paced) -> float:
    return max(0.0, min(load.measured_s, phase.segment.count / load.rate - load.warmup_s))


def _value(measured: Measured, metric: Metric) -> float | None:
    value = measured.metrics.get(metric.name)
    return None if value is None else value.value


def _conclude(told: Measured, probes: Sequence[ProbeResult], search: Search) -> None:
    """What the probes come to: a rate only where one held, and one above it failed by the engine."""
    pair = found([Tried(each.rate, each.outcome, each.confirming) for each in probes])
    if pair.failed is not None and not pair.by_harness:
        told.add(FAILED, pair.failed)
    else:
        told.lack([FAILED], "none failed by the engine")
    if pair.held is None or pair.failed is None or pair.by_harness:
        why = _untold(probes, pair.held, pair.by_harness)
        told.lack([HELD, P50, P99, CORES], why)
        told.notes.append(f"no sustained rate: {why}")
        return
    at = max(
        (each for each in probes if each.outcome == "held" and each.rate == pair.held), key=lambda one: one.seconds
    )
    told.add(HELD, pair.held, n=len(probes), bounds=(pair.held, pair.failed))
    for metric, value in ((P50, at.p50_ms), (P99, at.p99_ms), (CORES, at.cores)):
        if value is not None:
            told.add(metric, value)
    if at.late_ms is not None and at.late_ms > BEHIND_MS:
        told.bracket([P50, P99], f"at the rate that was held the load generator was late by {at.late_ms:.0f} ms (p99)")
    if at.bracketed:
        told.bracket([HELD, P50, P99], at.bracketed)
    # Each probe of a sweep lasts as long as one that confirms.
    if not pair.confirmed and search.how == "search":
        told.bracket([HELD, P50, P99, CORES], "no longer probe confirmed the rate that was held")


def _untold(probes: Sequence[ProbeResult], held: float | None, by_harness: bool) -> str:
    if by_harness:
        beyond = "" if held is None else f"; the engine held {held:,.0f} events/s"
        return f"the harness's ceiling was met before the engine's{beyond}"
    last = next((each.why for each in reversed(probes) if each.outcome != "held"), "")
    if held is not None:
        up_to = f"up to {held:,.0f} events/s"
        unknown = f"no rate failed; {up_to} was held, and of another one it cannot be told: {last}"
        return unknown if last else f"every rate was held, {up_to}"
    return f"no rate was held: {last}" if probes else "nothing was probed"


measurement = Measurement(
    "sustained rate",
    _METRICS,
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="probe",
)
