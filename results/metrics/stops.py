"""Processes of ours that stood still beside what is measured: what came late then is no engine's doing (METHOD.md,
"Quiet")."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from results.evidence.machine import MachineSamples
from results.history import History, LookedLate
from results.metrics.basis import Basis
from results.metrics.foreign import span
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric

STOPPED_S = 0.3
"""A process that was found stopped for less may have been so for a moment only: it is looked at ten times a second."""

LATE_S = 1.0
"""An instrument that looks ten times a second or more, and did not for so long, stood still."""

BETWEEN = ("broker", "proxy", "generator")
"""Events or rows pass through these, so where they stand still the engine's speed is no longer its own."""

STILL = Metric("standstill_seconds", "s", "none", "For so long processes of the harness or the broker stood still")


def stood_still(history: History, from_ns: int, until_ns: int) -> dict[str, float]:
    """Who stood still between two times, and for how many seconds of them in sum; each that did so for long enough."""
    table = history.table("stops")
    begins, ends = (np.asarray(table[name].to_numpy(), dtype=np.int64) for name in ("from_ns", "until_ns"))
    inside_s = (np.minimum(ends, until_ns) - np.maximum(begins, from_ns)) / 1e9
    found: dict[str, float] = {}
    for name, lasted_s in zip(table["name"].to_pylist(), inside_s.tolist(), strict=True):
        if lasted_s >= STOPPED_S:
            found[name] = found.get(name, 0.0) + lasted_s
    at_ns = MachineSamples(history).at_ns
    pauses = [(int(begin), int(end), "sampler") for begin, end in pairwise(at_ns)]
    pauses += [(mark.from_ns, mark.at_ns, mark.who) for mark in history.of(LookedLate)]
    for begin_ns, end_ns, who in pauses:
        if end_ns - begin_ns >= LATE_S * 1e9 and begin_ns < until_ns and end_ns > from_ns:
            found[who] = found.get(who, 0.0) + (min(end_ns, until_ns) - max(begin_ns, from_ns)) / 1e9
    return found


def measure(basis: Basis) -> Measured:
    found, within = Measured(), span(basis)
    if isinstance(within, str):
        found.lack([STILL], within)
        return found
    still = stood_still(basis.history, *within)
    found.add(STILL, sum(still.values()))
    beside = "the measured part" if basis.kind == "paced" else "the drain"
    for who, lasted_s in sorted(still.items()):
        did = "did not look" if who in ("sampler", "gauge") else "stood still"
        why = f"the {who} {did} for {lasted_s:.1f} s of {beside}"
        if who in BETWEEN:
            found.reserve("speeds", why)
        else:
            found.notes.append(why)
    return found


measurement = Measurement("standstill", (STILL,), measure, needs=frozenset({"matching", "completion"}))
