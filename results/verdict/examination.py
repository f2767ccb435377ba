"""A history that allows matching: its events made again, the rows that are due, and the rows that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from results.evidence.committed_input import CommittedInput, committed
from results.evidence.gaps import visible_since_ns
from results.evidence.offsets import after_the_end, recording_problems
from results.evidence.phases import Phase
from results.evidence.regenerated import RegeneratedStream, opened
from results.evidence.rows import Rows, parse
from results.evidence.updates import Latest, latest
from results.history import History
from results.verdict.identity import Finder
from results.verdict.late import Lateness, settle
from results.verdict.matching import Due, Matching, match_rows
from results.verdict.pairing import pair
from results.verdict.sql_due import closed_by_ours, due_by_sql, untold
from workloads import oracle
from workloads.query import Query, SqlAnswer
from workloads.stream import Events, Integers


@dataclass(frozen=True)
class Answered:
    """What became of the rows that are due for a phase. A row counts with its first visible copy."""

    due: int = 0
    """How many there are."""
    missing: int = 0
    """How many of them are not there."""
    visible_ns: int = 0
    """When the last of those that are there became visible, monotonic ns; 0 if none is."""
    since_ns: int = 0
    """When the last may have become visible already, where the collector was given it late; 0 if none is there."""
    updates: int = 0
    """Rows that a later row of the same result replaced."""
    regressions: int = 0
    """How many of those replaced one that counted fewer events."""

    def joined(self, other: Answered) -> Answered:
        """The same of both."""
        return Answered(
            due=self.due + other.due,
            missing=self.missing + other.missing,
            visible_ns=max(self.visible_ns, other.visible_ns),
            since_ns=max(self.since_ns, other.since_ns),
            updates=self.updates + other.updates,
            regressions=self.regressions + other.regressions,
        )


@dataclass(frozen=True)
class Examination:
    """All that a verdict rests on, of all keys or of some."""

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
    """The rows that are there, against those that are due. Where a large history was judged by slices of keys,
    measurements see only the rows of paced phases, without their values; `answered` are of all."""
    late_ids: list[Integers]
    """Of each phase, the events that come late by construction."""
    lateness: list[Lateness]
    """Of each phase, what became of those."""
    updates: Latest | None
    """How rows came to their last value; None where every row counts."""
    repeated: list[int]
    """Of each phase, how many due rows have the identity of another one, which is judged in their place."""
    problems: dict[str, list[str]]
    """What stands against a verdict on each phase although the trial ended, by phase name."""
    answered: list[Answered]
    """Of each phase, what became of its rows."""

    def phase_at(self, times_ns: Integers) -> Integers:
        """Index of the phase that was under way at these times."""
        starts = np.array([phase.start_ns for phase in self.phases])
        return np.asarray(np.maximum(np.searchsorted(starts, times_ns, side="right") - 1, 0), dtype=np.int64)

    @property
    def row_phases(self) -> Integers:
        """Index of the phase of each row: that of the row it answers, else the one in which it became visible."""
        due, rows, index = self.matching.due, self.matching.rows, self.matching.index
        phases = np.where(index >= 0, due.phases[index], -1) if len(due.phases) else np.full(len(index), -1)
        strays = phases < 0
        phases[strays] = self.phase_at(rows.visible_ns[strays])
        return np.asarray(phases, dtype=np.int64)

    def members(self, wanted: pa.Table, phases: Sequence[Phase], query: Query | None = None) -> pa.Table:
        """The events of these phases behind some rows, in log order (see workloads.oracle.members).

        query: another one than the trial's, of the same columns.
        """
        return oracle.members(query or self.stream.query, _pieces(self.stream, self.given, phases), wanted)


def examine(history: History, phases: list[Phase]) -> Examination:
    """Compare what is there with what is due, of all keys at once. Raises DamagedHistory or CannotJudge where that
    cannot be done.
    """
    stream, labels = opened(history, phases)
    given = committed(history, phases)
    rows = parse(stream.query, history.table("output"), labels, stream.shifts)
    recording = recording_problems(rows.repeated, *after_the_end(history, rows.partitions, rows.offsets))
    seen = compared(history, stream, phases, labels, given, rows)
    problems = problems_of(phases, given.problems, seen.repeated, seen.lateness, recording)
    more = untold(stream.query, phases)
    return replace(seen, problems={name: [*told, *more.get(name, [])] for name, told in problems.items()})


def compared(
    history: History,
    stream: RegeneratedStream,
    phases: list[Phase],
    labels: Sequence[str],
    given: CommittedInput,
    rows: Rows,
    paired_before: int | None = None,
) -> Examination:
    """Compare some rows with those that are due for the same keys; `problems` are left open.

    given: the events of these keys. paired_before: as of `results.verdict.pairing.pair`.
    """
    query = stream.query
    optional = None
    if isinstance(query.shape, SqlAnswer):
        due, optional = due_by_sql(history, stream, query.shape, phases, labels)
    else:
        # What has no end in event time (running aggregates, counts) goes on from phase to phase.
        due = _due(query, oracle.expected(query, _pieces(stream, given, phases)), phases)
    repeated = Finder(due.keys, due.identity).repeated
    times = np.bincount(due.phases[repeated], minlength=len(phases)).tolist()
    if repeated.any():
        due = due.take(~repeated)
    updates = latest(query, rows) if history.plan.emits == "updates" else None
    rows = rows if updates is None else updates.rows
    if optional is not None:
        due = due.take(~optional | (Finder(rows.keys, rows.identity).find(due.keys, due.identity) >= 0))
    late_ids, lateness = [stream.late(phase.segment) for phase in phases], []
    for number, phase in enumerate(phases):
        ids = given.ids[phase.name]
        due, found = settle(stream, phase, number, ids, ids[_among(ids, late_ids[number])], labels, due, rows)
        lateness.append(found)
    matching = pair(query, match_rows(due, rows), paired_before)
    seen = Examination(
        history=history,
        stream=stream,
        phases=phases,
        labels=labels,
        given=given,
        matching=matching if optional is None else closed_by_ours(history, phases, matching),
        late_ids=late_ids,
        lateness=lateness,
        updates=updates,
        repeated=times,
        problems={},
        answered=[],
    )
    return replace(seen, answered=_answered(seen))


def problems_of(
    phases: Sequence[Phase],
    given: Mapping[str, Sequence[str]],
    repeated: Sequence[int],
    lateness: Sequence[Lateness],
    recording: Sequence[str],
) -> dict[str, list[str]]:
    """What stands against a verdict, by phase name. given: what is wrong with the input. recording: with the output."""
    problems = {}
    for phase, times, late in zip(phases, repeated, lateness, strict=True):
        again = (
            f"{times} rows that are due have the identity of another one: the log repeats events, or the stream "
            "reorders those of a key"
        )
        problems[phase.name] = [*given[phase.name], *([again] if times else []), *late.problems, *recording]
    return problems


def _among(ids: Integers, ascending: Integers) -> NDArray[np.bool_]:
    """Which of the ids are among some that ascend."""
    if not len(ascending):
        return np.zeros(len(ids), dtype=np.bool_)
    places = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    return np.asarray(ascending[places] == ids, dtype=np.bool_)


def _answered(seen: Examination) -> list[Answered]:
    matching = seen.matching
    first_ns, missing = matching.first_visible_ns, matching.missing
    since_ns = matching.of_first(visible_since_ns(seen.history, matching.rows))
    row_phases = seen.row_phases if seen.updates is not None else None
    found = []
    for number in range(len(seen.phases)):
        mine = matching.due.phases == number
        there = mine & ~missing
        rows = Answered(
            due=int(np.count_nonzero(mine)),
            missing=int(np.count_nonzero(mine & missing)),
            visible_ns=int(first_ns[there].max(initial=0)),
            since_ns=int(since_ns[there].max(initial=0)),
        )
        if seen.updates is not None and row_phases is not None:
            here = row_phases == number
            updates, regressions = (int(each[here].sum()) for each in (seen.updates.earlier, seen.updates.regressed))
            rows = replace(rows, updates=updates, regressions=regressions)
        found.append(rows)
    return found


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
