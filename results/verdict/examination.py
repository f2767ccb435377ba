"""A history that allows matching: its events made again, the rows that are due, and the rows that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from results.evidence.committed_input import CommittedInput, committed
from results.evidence.phases import Phase
from results.evidence.regenerated import CannotJudge, RegeneratedStream
from results.evidence.rows import Rows, parse
from results.evidence.updates import Latest, latest
from results.history import History, Quiescent
from results.verdict.identity import Finder
from results.verdict.late import Lateness, settle
from results.verdict.matching import Due, Matching, match_rows
from results.verdict.pairing import pair
from workloads import oracle
from workloads.query import Query
from workloads.stream import Events, Integers


@dataclass(frozen=True)
class Examination:
    """All that a verdict rests on."""

    history: History
    """The trial's."""
    stream: RegeneratedStream
    """Its events, made again from the plan."""
    phases: list[Phase]
    """The phases that began, in order; other fields name them by index."""
    labels: Sequence[str]
    """The keys of the stream; due and found rows name them by index."""
    given: CommittedInput
    """What stands in the input log as committed."""
    matching: Matching
    """The rows that are there, against those that are due."""
    late_ids: list[Integers]
    """Of each phase, the events that come late by construction."""
    lateness: list[Lateness]
    """Of each phase, what became of those."""
    updates: Latest | None
    """How rows came to their last value; None where every row counts."""
    problems: dict[str, list[str]]
    """What stands against a verdict on each phase although the trial ended, by phase name."""

    def phase_at(self, times_ns: Integers) -> Integers:
        """Index of the phase that was under way at these times."""
        starts = np.array([phase.start_ns for phase in self.phases])
        return np.asarray(np.maximum(np.searchsorted(starts, times_ns, side="right") - 1, 0), dtype=np.int64)

    def members(self, wanted: pa.Table, phases: Sequence[Phase], query: Query | None = None) -> pa.Table:
        """The events of these phases behind some rows, in log order (see workloads.oracle.members).

        query: another one than the trial's, of the same columns.
        """
        return oracle.members(query or self.stream.query, _pieces(self.stream, self.given, phases), wanted)


def examine(history: History, phases: list[Phase]) -> Examination:
    """Compare what is there with what is due. Raises DamagedHistory or CannotJudge where that cannot be done."""
    stream = RegeneratedStream(history.plan, history.folder)
    query, labels = stream.query, stream.labels(phases[0].segment)
    for phase in phases:
        if list(stream.labels(phase.segment)) != list(labels):
            raise CannotJudge(f"workload {history.plan.workload} has other keys in phase {phase.name} than before")
    given = committed(history, phases)
    problems = {phase.name: list(given.problems[phase.name]) for phase in phases}
    # What has no end in event time (running aggregates, counts) goes on from phase to phase.
    due = _due(query, oracle.expected(query, _pieces(stream, given, phases)), phases)
    repeated = Finder(due.keys, due.identity).repeated
    if repeated.any():
        for number in np.unique(due.phases[repeated]).tolist():
            problems[phases[number].name].append(
                f"{int(np.count_nonzero(repeated))} rows that are due have the identity of another one: the log "
                "repeats events, or the stream reorders those of a key"
            )
        due = due.take(~repeated)
    rows = parse(query, history.table("output"), labels)
    recording = _recording(history, rows)
    updates = latest(query, rows) if history.plan.emits == "updates" else None
    rows = rows if updates is None else updates.rows
    late_ids, lateness = [stream.late(phase.segment) for phase in phases], []
    for number, phase in enumerate(phases):
        late = late_ids[number]
        ids = given.ids[phase.name]
        due, found = settle(stream, phase, number, ids, ids[np.isin(ids, late)], labels, due, rows)
        lateness.append(found)
        problems[phase.name] += [*found.problems, *recording]
    return Examination(
        history=history,
        stream=stream,
        phases=phases,
        labels=labels,
        given=given,
        matching=pair(query, match_rows(due, rows)),
        late_ids=late_ids,
        lateness=lateness,
        updates=updates,
        problems=problems,
    )


def _pieces(stream: RegeneratedStream, given: CommittedInput, phases: Sequence[Phase]) -> Iterator[Events]:
    for phase in phases:
        yield from stream.pieces(phase.segment, given.ids[phase.name])


def _due(query: Query, table: pa.Table, phases: Sequence[Phase]) -> Due:
    """The oracle's rows; each belongs to the phase whose event makes it final."""
    column = {name: table[name].to_numpy() for name in table.schema.names}
    lines = [np.stack([column[name] for name in names]) for names in (query.identity, query.fields)]
    last_ids = column[oracle.LAST_ID]
    order = np.argsort([phase.segment.first for phase in phases])
    firsts = np.array([phases[number].segment.first for number in order])
    return Due(
        phases=order[np.searchsorted(firsts, last_ids, side="right") - 1],
        keys=column["key"],
        identity=lines[0],
        values=lines[1],
        last_ids=last_ids,
        timed=np.ones(len(last_ids), dtype=np.bool_),
    )


def _recording(history: History, rows: Rows) -> list[str]:
    """What is wrong with the recording of the output, which is no engine's doing."""
    problems = []
    if rows.repeated:
        problems.append(f"{rows.repeated} output rows were recorded twice: the collector failed, not the engine")
    for rest in history.of(Quiescent)[-1:]:
        ends = np.array(rest.end_offsets, dtype=np.int64)
        inside = (rows.partitions >= 0) & (rows.partitions < len(ends))
        after = int(np.count_nonzero(rows.offsets[inside] >= ends[rows.partitions[inside]])) if len(ends) else 0
        if after or not inside.all():
            problems.append(
                f"no quiescence: {after + int(np.count_nonzero(~inside))} rows were written after outputs stood still"
            )
    return problems
