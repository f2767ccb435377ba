"""When rows can be final, by the plan of their phase: what latency counts from (METHOD.md, "Latency"), and before which
no row may be visible ("Premature").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.phases import Phase
from results.history import Closing
from results.plan import Paced
from results.verdict.examination import Examination
from workloads import control
from workloads.control import heartbeat_second
from workloads.query import SqlAnswer
from workloads.stream import Integers

NEVER = np.iinfo(np.int64).max

_SECOND_NS = 1_000_000_000

_MOST_SECONDS = 2**31
"""No phase lasts longer, so a later heartbeat is none."""


def planned(seen: Examination, phase: Phase, paced: Paced) -> tuple[Integers, Integers, Integers]:
    """The due rows of a paced phase whose latency counts, as three columns. The first has their indices. The second has
    when what makes them final is planned, in ns from the phase's start; it is -1 for a time window that no event of the
    phase closes. The third has when their last event is planned.
    """
    due = seen.matching.due
    mine = np.flatnonzero((due.phases == seen.phases.index(phase)) & due.timed)
    last_ns = seen.stream.planned_ns(phase.segment, due.last_ids[mine], paced)
    if isinstance(seen.stream.query.shape, SqlAnswer):
        # A row that was there before the event which decides it was closed by an event of ours: no latency is known.
        kept = seen.matching.first_visible_ns[mine] >= phase.start_ns + last_ns
        mine, last_ns = mine[kept], last_ns[kept]
    if seen.stream.query.time_window is None:
        return mine, last_ns, last_ns
    closed_ns = _closed_ns(seen, phase, paced, due.identity[1, mine])
    return mine, np.where(closed_ns < NEVER, closed_ns, -1), last_ns


def _closed_ns(seen: Examination, phase: Phase, paced: Paced, ends: Integers) -> Integers:
    """When, from the phase's start, what closes windows with these ends is planned: the stream's first event that is
    late enough, or a heartbeat that comes before it; NEVER if neither does.
    """
    distinct, end_of = np.unique(ends, return_inverse=True)
    closings = seen.stream.closings(phase.segment, distinct)
    by_event = np.where(closings >= 0, seen.stream.planned_ns(phase.segment, closings, paced), NEVER)
    seconds = _heartbeats(seen, phase, distinct, paced.rate / phase.segment.rate)
    by_heartbeat = np.where(seconds <= paced.duration_s, seconds * 1_000_000_000, NEVER)
    return np.asarray(np.minimum(by_event, by_heartbeat)[end_of], dtype=np.int64)


def _heartbeats(seen: Examination, phase: Phase, ends: Integers, speed: float) -> Integers:
    """The first second whose heartbeat closes windows with these ends."""
    delay_ms = seen.stream.query.watermark_delay_ms
    seconds = heartbeat_second(ends + delay_ms - phase.segment.base_ms, delay_ms, speed)
    return np.asarray(np.clip(seconds, 0, _MOST_SECONDS), dtype=np.int64)


@dataclass(frozen=True)
class Earliest:
    """For each due row, monotonic times before which it cannot be known.

    events_ns: when its last event was planned, or its backlog released. closing_ns: when what may close its window was
    planned, released or asked for; 0 for rows that wait for no closing.
    """

    events_ns: Integers
    closing_ns: Integers

    @property
    def both_ns(self) -> Integers:
        return np.asarray(np.maximum(self.events_ns, self.closing_ns), dtype=np.int64)


def earliest(seen: Examination, emits: str) -> Earliest:
    """emits: `final` where an engine writes a row once; `updates` where it may do so before its window is closed."""
    due = seen.matching.due
    if isinstance(seen.stream.query.shape, SqlAnswer):
        return _decided(seen)
    events_ns = np.full(len(due.keys), NEVER, dtype=np.int64)
    closing_ns = np.zeros(len(due.keys), dtype=np.int64)
    windowed = seen.stream.query.time_window is not None and emits == "final"
    for number, phase in enumerate(seen.phases):
        mine = np.flatnonzero(due.phases == number)
        if not len(mine):
            continue
        events_ns[mine] = _there_ns(seen, phase, due.last_ids[mine])
        if windowed:
            closing_ns[mine] = _closing_ns(seen, number, due.identity[1, mine])
    return Earliest(events_ns, closing_ns)


def _decided(seen: Examination) -> Earliest:
    """Of a user's own SQL: when the event that decides a row was planned or released, or a heartbeat of ours that may
    have decided it before: one since the event before; or the closing events of the phase before. 0 for rows of which
    no such event is told.
    """
    due = seen.matching.due
    events_ns = np.zeros(len(due.keys), dtype=np.int64)
    for number, phase in enumerate(seen.phases):
        mine = np.flatnonzero((due.phases == number) & due.timed)
        ids = due.last_ids[mine]
        found_ns = _there_ns(seen, phase, ids)
        if phase.load is not None and len(mine):
            before = np.maximum(ids - 1, phase.segment.first)
            first = (ids == phase.segment.first) | np.isin(before, seen.late_ids[number])
            passed_ns = _there_ns(seen, phase, before) - phase.start_ns
            heartbeat_ns = phase.start_ns + (passed_ns // _SECOND_NS + 1) * _SECOND_NS
            found_ns = np.minimum(found_ns, np.where(first, phase.start_ns, heartbeat_ns))
        # Events of later phases have later times than these, so no closing events but those just before decide it.
        earlier = {other.name for other in seen.phases[:number][-1:]}
        closed_ns = [mark.at_ns for mark in seen.history.of(Closing) if mark.phase in earlier]
        events_ns[mine] = np.minimum(found_ns, min(closed_ns, default=NEVER))
    return Earliest(events_ns, np.zeros(len(due.keys), dtype=np.int64))


def _there_ns(seen: Examination, phase: Phase, ids: Integers) -> Integers:
    """When an engine can have read events of a phase at the earliest."""
    paced = phase.load
    if paced is not None:
        return np.asarray(phase.start_ns + seen.stream.planned_ns(phase.segment, ids, paced), dtype=np.int64)
    return np.full(len(ids), _begins_ns(phase), dtype=np.int64)


def _begins_ns(phase: Phase) -> int:
    """When an engine can have read the first event of a phase. A backlog that was never released was never there."""
    if phase.timed:
        return phase.start_ns
    return NEVER if phase.committed_ns is None else phase.committed_ns


def _closing_ns(seen: Examination, number: int, ends: Integers) -> Integers:
    """When what may close windows with these ends can have been read at the earliest: an event or a heartbeat of their
    phase, a closing round, or whatever comes in the next phase.
    """
    phase, paced = seen.phases[number], seen.phases[number].load
    distinct, end_of = np.unique(ends, return_inverse=True)
    if paced is not None:
        inside_ns = _closed_ns(seen, phase, paced, distinct)
        found = np.where(inside_ns < NEVER, inside_ns + phase.start_ns, NEVER)
    else:
        seconds = _heartbeats(seen, phase, distinct, 1.0) * 1000
        by_itself = (seen.stream.closings(phase.segment, distinct) >= 0) | (seconds <= phase.segment.duration_ms)
        found = np.where(by_itself, _begins_ns(phase), NEVER)
    after_ms = max((event.after_ms for event in control.closing(seen.stream.query)), default=0)
    passed_ms = distinct + seen.stream.query.watermark_delay_ms
    for mark in seen.history.of(Closing):
        if mark.phase == phase.name:
            found = np.minimum(found, np.where(mark.time_ms + after_ms >= passed_ms, mark.at_ns, NEVER))
    later = [_begins_ns(other) for other in seen.phases if other.start_ns > phase.start_ns]
    found = np.minimum(found, min(later, default=NEVER))
    return np.asarray(found[end_of], dtype=np.int64)
