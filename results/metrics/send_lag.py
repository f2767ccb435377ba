"""How well the load generator kept its schedule; it, not the engine, is judged here (METHOD.md, "Send lag")."""

from __future__ import annotations

import numpy as np

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.metrics.statistics import percentile
from results.rate_search import BEHIND_MS, Late
from workloads.stream import Integers, Segment

P50, P99, MAX = (
    Metric(f"send_lag_{suffix}", "ms", "lower", f"{events} left no later than this after their planned time")
    for suffix, events in (("p50", "Half of the events"), ("p99", "99 % of the events"), ("max", "All events"))
)
RATE = Metric("rate", "events/s", "none", "Events that were sent a second, in the measured part")

_EARLY_MS = 1.0


def measure(basis: Basis) -> Measured:
    """Send lag of every event planned in the measured part: hand-over to the log's client less planned time.

    Raises ValueError if the table `sends` holds more events than the phase has.
    """
    return judged(basis)[0]


def judged(basis: Basis) -> tuple[Measured, Late | None]:
    """What is measured, and by what the generator's schedule is judged; None where that is not known. Raises as
    `measure` does.
    """
    found, phase, paced = Measured(), basis.phases[0], basis.paced
    sends = basis.history.table("sends")
    mine = np.asarray(sends["phase"].to_numpy(zero_copy_only=False) == phase.name, dtype=np.bool_)
    first, count, sent_ns = (sends[name].to_numpy()[mine] for name in ("first_id", "count", "sent_ns"))
    total = int(count.sum())
    if total > phase.segment.count or np.any(count < 0):
        raise ValueError(f"sends of phase {phase.name} cover {total} events, it has {phase.segment.count}")
    begins = np.cumsum(count) - count
    ids = np.arange(total) + np.repeat(first - begins, count)
    there = _distinct(ids, phase.segment)
    if 0 < there < phase.segment.count:
        return _unknown(f"the hand-overs of {phase.segment.count - there:,} events were not recorded"), None
    at_ns = np.repeat(sent_ns, count) - phase.start_ns
    if paced.recorded:
        planned_ns = basis.seen.stream.planned_ns(phase.segment, ids, paced)
    else:
        planned_ns = phase.segment.planned_ns(ids, paced.rate)
    warmup_ns, last_ns = paced.warmup_s * 1e9, paced.duration_s * 1e9
    measured = (planned_ns >= warmup_ns) & (planned_ns < last_ns)
    lag_ms = (at_ns - planned_ns)[measured] / 1e6
    if not len(lag_ms):
        return _unknown("no hand-over of an event in the measured part was recorded"), None
    ordered = np.sort(lag_ms)
    for metric, percent in ((P50, "50"), (P99, "99"), (MAX, "100")):
        found.add(metric, percentile(ordered, percent), n=len(ordered))
    sent = int(np.count_nonzero((at_ns >= warmup_ns) & (at_ns < last_ns)))
    found.add(RATE, sent / paced.measured_s, n=sent)
    p99 = percentile(ordered, "99")
    last = np.sort(lag_ms[planned_ns[measured] >= last_ns - 1e9])
    at_end = percentile(last, "50") if len(last) else p99
    if max(p99, at_end) > BEHIND_MS:
        found.notes.append(
            f"the load generator fell behind: send lag p99 {p99:.0f} ms, {at_end:.0f} ms in the last second"
        )
    early = int(np.count_nonzero(lag_ms < -_EARLY_MS))
    if early:
        found.notes.append(f"the load generator sent {early} events more than {_EARLY_MS:g} ms before their time")
    return found, Late(p99, at_end)


def _distinct(ids: Integers, segment: Segment) -> int:
    """How many events of a segment have their id among these. np.unique takes longer than all else here."""
    there = np.zeros(segment.count, dtype=np.bool_)
    there[ids[(ids >= segment.first) & (ids < segment.first + segment.count)] - segment.first] = True
    return int(np.count_nonzero(there))


def _unknown(why: str) -> Measured:
    found = Measured()
    found.lack((P50, P99, MAX, RATE), why)
    found.notes.append(f"whether the generator kept its schedule is not known: {why}")
    return found


measurement = Measurement(
    "send lag", (P50, P99, MAX, RATE), measure, needs=frozenset({"matching", "completion"}), kind="paced"
)
