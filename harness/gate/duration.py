"""How long a gate will take, before it begins: about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from results.plan import CasePlan

_FIXED_S = {"embedded": 9.0, "kafka": 25.0}
"""Start, rest and read-back of a trial; on Kafka that of a broker as well."""

_JVM_S = 20.0
_EVENT_S = 2e-6
"""For each event of a backlog, its writing included, of an engine that is fast."""


def trial_s(case: CasePlan, jvm: bool) -> float:
    """About how many seconds a trial of the case takes."""
    expected = _FIXED_S[case.log] + (case.paced.duration_s if case.paced else 0.0)
    if case.drain is not None:
        warm, last = case.drain.least_backlogs, case.drain.measured
        measured = last * case.drain.events if last else case.drain.max_events
        expected += (warm * case.drain.events + measured) * _EVENT_S
    if jvm:
        expected += _JVM_S + (case.drain.budget_s if case.drain else 0.0)
    return expected


def in_minutes(seconds: Sequence[float]) -> int:
    """Of all together, rounded up."""
    return math.ceil(sum(seconds) / 60)
