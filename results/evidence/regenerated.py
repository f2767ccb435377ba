"""The events of a trial, made again from its plan: a stream is a pure function of its parameters and its seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from results.evidence.course import Course, course
from results.evidence.phases import Phase
from results.history import History
from results.plan import Paced, TrialPlan, kept_folder
from workloads.discovery import Unavailable
from workloads.query import Query
from workloads.schedule import Scheduled, when_planned
from workloads.stream import Events, Integers, Segment
from workloads.workload import NO_SHIFTS, Keeping, Parameters, Shifted, discover

_PIECE = 1 << 17


class CannotJudge(Exception):
    """Why no verdict can be given, in a line. lacking: whether it is for what this machine lacks."""

    def __init__(self, why: str, lacking: bool = False) -> None:
        super().__init__(why)
        self.lacking = lacking


class RegeneratedStream:
    """Makes events again. Raises CannotJudge if the trial's workload cannot be loaded here."""

    def __init__(self, plan: TrialPlan, folder: Path) -> None:
        """folder: of the trial's history."""
        workload = discover().get(plan.workload)
        if workload is None:
            raise CannotJudge(f"the judge knows no workload {plan.workload!r}", lacking=True)
        if isinstance(workload, Unavailable):
            raise CannotJudge(f"workload {plan.workload} is unavailable: {workload.why}", lacking=True)
        self._workload, self._plan = workload, plan
        self._parameters: Parameters = plan.parameters
        if isinstance(workload, Keeping):
            self._parameters = workload.kept(self._parameters, kept_folder(folder))
        self.query: Query = workload.query(plan.parameters)
        self.shifts = workload.shifts(plan.parameters) if isinstance(workload, Shifted) else NO_SHIFTS
        self.courses: dict[Segment, Course] = {}

    def labels(self, segment: Segment) -> Sequence[str]:
        """The keys of the stream; events name them by index."""
        return self._events(segment, np.array([segment.first])).labels

    def pieces(self, segment: Segment, ids: Integers) -> Iterator[Events]:
        """The events with these ids, in the order given."""
        for start in range(0, len(ids), _PIECE):
            yield self._events(segment, ids[start : start + _PIECE])

    def planned(self, segment: Segment) -> Iterator[Events]:
        """All events of a segment, in planned order."""
        last = segment.first + segment.count
        for first in range(segment.first, last, _PIECE):
            yield self._events(segment, np.arange(first, min(first + _PIECE, last)))

    def planned_ns(self, segment: Segment, ids: Integers, load: Paced) -> Integers:
        """When these events of a paced phase are planned, in ns from its start."""
        schedule = None
        if load.recorded:
            schedule = self._workload.schedule(self._parameters) if isinstance(self._workload, Scheduled) else None
            if schedule is None:
                raise CannotJudge(f"workload {self._plan.workload} does not say how its events were recorded")
        return when_planned(segment, ids, load.rate, schedule)

    def late(self, segment: Segment) -> Integers:
        """The ids of events that come later than the watermark delay allows: by more than that behind the largest event
        time planned so far. They ascend.
        """
        return self.course(segment).late

    def closings(self, segment: Segment, ends: Integers) -> Integers:
        """For each window end: the first planned id with a time of end + watermark delay or later, or -1."""
        return self.course(segment).closings(ends)

    def course(self, segment: Segment) -> Course:
        """How event time goes on in a segment; computed when it is first asked for."""
        if segment not in self.courses:
            self.courses[segment] = course(self.query, self.planned(segment))
        return self.courses[segment]

    def _events(self, segment: Segment, ids: Integers) -> Events:
        return self._workload.events(self._parameters, self._plan.seed, segment, ids)


def opened(history: History, phases: Sequence[Phase]) -> tuple[RegeneratedStream, Sequence[str]]:
    """The events of a trial, and their keys. Raises CannotJudge if the phases have not the same keys."""
    stream = RegeneratedStream(history.plan, history.folder)
    labels = stream.labels(phases[0].segment)
    for phase in phases:
        if list(stream.labels(phase.segment)) != list(labels):
            raise CannotJudge(f"workload {history.plan.workload} has other keys in phase {phase.name} than before")
    return stream, labels
