"""When rows become final by the plan of a paced phase: what their latency counts from (METHOD.md, "Latency")."""

from __future__ import annotations

import numpy as np

from results.evidence.phases import Phase
from results.plan import Paced
from results.verdict.examination import Examination
from workloads.control import heartbeat_second
from workloads.stream import Integers


def planned(seen: Examination, phase: Phase, paced: Paced) -> tuple[Integers, Integers, Integers]:
    """The due rows of a paced phase whose latency counts: their indices; when, in ns from the phase's start, what makes
    them final is planned (-1 for a time window that no event of the phase closes); and when their last event is.
    """
    due = seen.matching.due
    mine = np.flatnonzero((due.phases == seen.phases.index(phase)) & due.timed)
    last_ns = phase.segment.planned_ns(due.last_ids[mine], paced.rate)
    if seen.stream.query.time_window is None:
        return mine, last_ns, last_ns
    return mine, _closed_ns(seen, phase, paced, due.identity[1, mine]), last_ns


def _closed_ns(seen: Examination, phase: Phase, paced: Paced, ends: Integers) -> Integers:
    """When, from the phase's start, what closes windows with these ends is planned: the stream's first event that is
    late enough, or a heartbeat that comes before it; -1 if neither does.
    """
    distinct, end_of = np.unique(ends, return_inverse=True)
    closings = seen.stream.closings(phase.segment, distinct)
    never = np.iinfo(np.int64).max
    by_event = np.where(closings >= 0, phase.segment.planned_ns(closings, paced.rate), never)
    delay_ms = seen.stream.query.watermark_delay_ms
    passed_ms = distinct + delay_ms - phase.segment.base_ms
    seconds = heartbeat_second(passed_ms, delay_ms, paced.rate / phase.segment.rate)
    by_heartbeat = np.where(seconds <= paced.duration_s, seconds * 1_000_000_000, never)
    closed_ns = np.minimum(by_event, by_heartbeat)
    return np.asarray(np.where(closed_ns < never, closed_ns, -1)[end_of], dtype=np.int64)
