"""What a start costs, and what of a drain is fixed: cold and marginal rates (METHOD.md, "Throughput")."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from results.metrics.attempts import Attempt, drained, equal_ones, last_attempt
from results.metrics.basis import Basis
from results.metrics.disturbance import OwnTime, bracket_disturbed
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.metrics.warmness import Warmness, warmness
from results.result import Series
from results.warmth import Drained, average, later_half, marginal

CURVE = "warm-up"
"""Name of a series."""

APART_INTERVALS = 3
"""Two backlogs of different size must last so many commit intervals longer or shorter than each other: the end of each
waits for a commit, so that less of a difference may be chance."""

COLD_RATE = Metric(
    "cold_drain_rate",
    "events/s",
    "higher",
    "Events of the first backlog, which found the engine cold, by the seconds it lasted",
    own_time=True,
)
COLD_CPU = Metric(
    "cold_events_per_cpu_second",
    "events/CPU-s",
    "higher",
    "Events of the first backlog, which found the engine cold, for each second of CPU that the engine took",
    own_time=True,
)
COLD_FOREIGN = Metric(
    "cold_foreign_share", "%", "none", "The share of CPU time that other work took beside the first backlog"
)
EVENTS = Metric("warm_up_events", "events", "none", "Events of the equal backlogs before the last one")
GREW = Metric(
    "warm_up_growth", "%", "none", "By how much events per CPU-second grew over the last doubling of these events"
)
MARGINAL = Metric(
    "marginal_drain_rate", "events/s", "higher", "Events more, by the seconds that they made a warm backlog last longer"
)
FIXED = Metric("drain_fixed_seconds", "s", "lower", "What a drain lasts beside its events at the marginal rate")


def measure(basis: Basis) -> Measured:
    found, tried, warm = Measured(), basis.attempts, warmness(basis)
    samples = basis.samples if basis.has("samples") else None
    last = last_attempt(tried)
    if not tried or isinstance(last, str):
        found.lack(measurement.metrics, str(last))
        return found
    _add_cold(found, drained(tried[0], samples), tried[0].rate if tried[0].seconds > 0 else None)
    first = _own_time(tried[:1], "the first backlog", [COLD_RATE], [COLD_CPU], COLD_FOREIGN)
    if first is not None:
        bracket_disturbed(found, basis, first)
    if warm.equal:
        found.add(EVENTS, sum(each.events for each in warm.equal))
        found.series.append(_curve(warm.equal))
    if warm.growth is None:
        found.lack([GREW] if warm.equal else [GREW, EVENTS], str(warm.doubt))
    else:
        found.add(GREW, 100 * warm.growth, n=len(warm.equal))
    interval_s = basis.history.plan.interval_ms / 1000
    _add_marginal(found, warm, drained(last, samples), interval_s)
    # The last backlog, from which the marginal rate follows as well, is looked at for all figures of the phase.
    later = _own_time(later_half(equal_ones(tried, basis.drain.events)), "the equal backlogs", [MARGINAL, FIXED])
    if later is not None and warm.doubt is None:
        bracket_disturbed(found, basis, later)
    return found


def _own_time(
    tried: Sequence[Attempt],
    name: str,
    speeds: Sequence[Metric],
    cpu: Sequence[Metric] = (),
    share: Metric | None = None,
) -> OwnTime | None:
    """From the release of the first of these backlogs to the end of the last; None where that is not known."""
    if not tried or tried[-1].visible_ns is None or tried[-1].visible_ns <= tried[0].committed_ns:
        return None
    return OwnTime(tried[0].committed_ns, tried[-1].visible_ns, name, speeds, cpu, share)


def _add_cold(found: Measured, first: Drained | str, rate: float | None) -> None:
    """first: the first backlog, or why its CPU is not known."""
    if rate is None:
        found.lack([COLD_RATE, COLD_CPU], str(first))
        return
    found.add(COLD_RATE, rate)
    if isinstance(first, str):
        found.lack([COLD_CPU], first)
    elif first.cpu_s <= 0:
        found.lack([COLD_CPU], "the engine's processes spent no CPU that could be seen")
    else:
        found.add(COLD_CPU, first.events / first.cpu_s, n=first.events)


def _curve(equal: list[Drained]) -> Series:
    seen = [each for each in zip(accumulate(one.events for one in equal), equal, strict=True) if each[1].cpu_s > 0]
    return Series(
        name=CURVE,
        x_label="events drained since the engine started",
        y_label="events per CPU-second",
        x=[float(events) for events, _ in seen],
        y=[round(one.events / one.cpu_s, 3) for _, one in seen],
    )


def _add_marginal(found: Measured, warm: Warmness, last: Drained | str, interval_s: float) -> None:
    """interval_s: the commit interval."""
    if isinstance(last, str) or not warm.equal:
        why = last if isinstance(last, str) else str(warm.doubt)
        found.lack([MARGINAL, FIXED], why)
        return
    small = average(later_half(warm.equal))
    rate = marginal(small, last)
    lasted = f"{small.events:,} and {last.events:,} events, lasted {small.seconds:.2f} s and {last.seconds:.2f} s"
    if rate is None or abs(last.seconds - small.seconds) < APART_INTERVALS * interval_s:
        found.lack(
            [MARGINAL, FIXED],
            f"two warm backlogs, of {lasted}: they must be {APART_INTERVALS} commit intervals apart",
        )
        return
    if last.seconds - last.events / rate < -interval_s:
        why = f"two warm backlogs, of {lasted}: the larger one took longer for each event, so that it was disturbed"
        found.lack([MARGINAL, FIXED], why)
        return
    found.add(MARGINAL, rate, n=abs(last.events - small.events))
    found.add(FIXED, last.seconds - last.events / rate)
    if warm.doubt is not None:
        found.bracket([MARGINAL, FIXED], warm.doubt)


measurement = Measurement(
    "warm-up",
    (COLD_RATE, COLD_CPU, COLD_FOREIGN, EVENTS, GREW, MARGINAL, FIXED),
    measure,
    needs=frozenset({"matching", "causality", "completion"}),
    kind="drain",
)
