"""How well the load generator kept its schedule; it, not the engine, is judged here (METHOD.md, "Send lag")."""

from __future__ import annotations

import numpy as np

from results.evidence.phases import Phase
from results.history import History
from results.metrics.measured import Measured
from results.metrics.statistics import percentile
from results.plan import Paced

BEHIND_MS = 50.0
"""A generator whose lag exceeds this at p99, or in the median of the last second, fell behind."""

_EARLY_MS = 1.0


def schedule(history: History, phase: Phase, paced: Paced) -> Measured:
    """Send lag of every event planned in the measured part: hand-over to the log's client less planned time.

    Raises ValueError if the table `sends` holds more events than the phase has.
    """
    found = Measured()
    sends = history.table("sends")
    mine = np.asarray(sends["phase"].to_numpy(zero_copy_only=False) == phase.name, dtype=np.bool_)
    first, count, sent_ns = (sends[name].to_numpy()[mine] for name in ("first_id", "count", "sent_ns"))
    total = int(count.sum())
    if total > phase.segment.count or np.any(count < 0):
        raise ValueError(f"sends of phase {phase.name} cover {total} events, it has {phase.segment.count}")
    begins = np.cumsum(count) - count
    ids = np.arange(total) + np.repeat(first - begins, count)
    at_ns = np.repeat(sent_ns, count) - phase.start_ns
    planned_ns = phase.segment.planned_ns(ids, paced.rate)
    warmup_ns, last_ns = paced.warmup_s * 1e9, paced.duration_s * 1e9
    measured = (planned_ns >= warmup_ns) & (planned_ns < last_ns)
    lag_ms = (at_ns - planned_ns)[measured] / 1e6
    names = ("send_lag_p50", "send_lag_p99", "send_lag_max")
    if not len(lag_ms):
        found.lack((*names, "rate"), "no hand-over of an event in the measured part was recorded")
        found.notes.append("whether the generator kept its schedule is not known")
        return found
    ordered = np.sort(lag_ms)
    for name, percent in zip(names, ("50", "99", "100"), strict=True):
        found.add(name, percentile(ordered, percent), "ms", "lower", n=len(ordered))
    sent = int(np.count_nonzero((at_ns >= warmup_ns) & (at_ns < last_ns)))
    found.add("rate", sent / paced.measured_s, "events/s", "none", n=sent)
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
    return found
