"""The rows that are due where a user's own SQL says them (`workloads.sql_answer`), over the input log as committed.

The statement comes from the history, which may be anybody's. So it is asked in a process of its own, whose memory and
time are bounded by the system as well: what DuckDB does not stop ends that process, and no judge.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from results.evidence.phases import Phase
from results.evidence.regenerated import CannotJudge, RegeneratedStream
from results.history import Closing, History
from results.pool import Pool
from results.verdict.matching import NEVER, Due, Matching
from workloads import sql_answer
from workloads.query import Query, SqlAnswer
from workloads.sql_answer import PlacedEvents, SqlRows, WrongSql
from workloads.stream import Integers

MOST_EVENTS = 5_000_000
"""SQL is asked of no more events than this: they are in memory all at once."""

PROCESSES = 1
"""In which a statement is asked."""

_PIECE = 1 << 17
_MEMORY_BYTES = 12 * 1024**3
"""Of addresses, of which a process reserves many times what it uses; DuckDB's own bound is far lower."""

_PROCESS_S = int(3 * sql_answer.SECONDS)


def due_by_sql(
    history: History, stream: RegeneratedStream, shape: SqlAnswer, phases: Sequence[Phase], labels: Sequence[str]
) -> tuple[Due, NDArray[np.bool_]]:
    """The rows that are due, and which of them may be absent: those that the statement says so of; and where it is not
    known how closing events look, those that no event of the input decides.

    A row belongs to the phase of the event that decides it; one of which that is not told, to the last phase. Raises
    CannotJudge where the statement is no answer.
    """
    count = sum(phase.segment.count for phase in phases)
    if count > MOST_EVENTS:
        why = f"{shape.named} would be asked of {count:,} events, and may be of {MOST_EVENTS:,}: run it shorter"
        raise CannotJudge(why)
    given = sql_answer.table(stream.query, _placed(history, stream, phases))
    rows = _answered(shape, given, labels)
    timed = rows.decided >= 0
    known = np.isin(rows.decided, given["id"].to_numpy())
    if (strange := np.flatnonzero(timed & ~known)).size:
        what = f"{sql_answer.DECIDED} is {rows.decided[strange[0]]} in a row, which is the id of no event of the input"
        raise CannotJudge(WrongSql(what, 0, "give the id of the event that decides the row, or NULL").told(shape.named))
    optional = ~rows.required
    if shape.timed and not shape.closings:
        optional |= ~timed
    due_phases = _phases_of(np.where(timed, rows.decided, -1), phases)
    firsts = np.array([phase.segment.first for phase in phases], dtype=np.int64)
    due = Due(
        phases=due_phases,
        keys=rows.keys,
        identity=_lines(rows, shape.identity),
        values=_lines(rows, shape.values),
        last_ids=np.where(timed, rows.decided, firsts[due_phases]),
        timed=timed,
    )
    return due, optional


def closed_by_ours(history: History, phases: Sequence[Phase], matching: Matching) -> Matching:
    """The same, but a row that was there before the phase of the event which decides it, and after the closing events
    of the phase before, is one of the latter: these closed it. So it counts in how long that phase took, and has no
    latency.
    """
    due, visible_ns = matching.due, matching.first_visible_ns
    numbers, timed = due.phases.copy(), due.timed.copy()
    for number, (before, phase) in enumerate(pairwise(phases), 1):
        closed_ns = min((mark.at_ns for mark in history.of(Closing) if mark.phase == before.name), default=NEVER)
        begins_ns = phase.start_ns if phase.timed else phase.committed_ns
        inside = (visible_ns >= closed_ns) & (visible_ns < (NEVER if begins_ns is None else begins_ns))
        mine = (due.phases == number) & due.timed & inside
        numbers[mine], timed[mine] = number - 1, False
    return replace(matching, due=replace(due, phases=numbers, timed=timed))


def untold(query: Query, phases: Sequence[Phase]) -> dict[str, list[str]]:
    """What stands against a verdict on phases of which it is not told which rows are theirs, by phase name."""
    if not isinstance(query.shape, SqlAnswer) or query.shape.timed:
        return {}
    why = (
        f"{query.shape.named} has no column {sql_answer.DECIDED}, so it is not told which rows are of this phase: they "
        "are judged with those of the last one"
    )
    return {phase.name: [why] for phase in phases[:-1]}


def _placed(history: History, stream: RegeneratedStream, phases: Sequence[Phase]) -> Iterator[PlacedEvents]:
    """The committed events of all phases, each with its place in the log."""
    table = history.table("input", ["partition", "offset", "time_ms", "id"])
    partitions, offsets, appended_ms, ids = (column.to_numpy().astype(np.int64) for column in table.columns)
    for phase in phases:
        inside = np.flatnonzero(phase.holds(ids))
        late = stream.late(phase.segment)
        for start in range(0, len(inside), _PIECE):
            places = inside[start : start + _PIECE]
            for events in stream.pieces(phase.segment, ids[places]):
                yield PlacedEvents(
                    events, partitions[places], offsets[places], appended_ms[places], np.isin(ids[places], late)
                )


@dataclass(frozen=True)
class _Asking:
    """The task to ask a statement."""

    shape: SqlAnswer
    given: pa.Table
    labels: Sequence[str]


def _bound() -> None:
    """This process ends where it takes too much memory or time: DuckDB is told to stop earlier."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    allowed = _MEMORY_BYTES if most == resource.RLIM_INFINITY else min(_MEMORY_BYTES, most)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    # By default the signal ends the process.
    signal.setitimer(signal.ITIMER_REAL, _PROCESS_S)


def _ask(asking: _Asking) -> SqlRows:
    _bound()
    return sql_answer.answer(asking.shape, asking.given, asking.labels)


def _answered(shape: SqlAnswer, given: pa.Table, labels: Sequence[str]) -> SqlRows:
    """What the statement says. Raises CannotJudge."""
    scratch = TemporaryDirectory(prefix="streamgauge-", ignore_cleanup_errors=True)
    with scratch as folder, Pool(PROCESSES, Path(folder)) as pool:
        try:
            ((_, rows),) = pool.each(_ask, [_Asking(shape, given, tuple(labels))])
        except WrongSql as wrong:
            raise CannotJudge(wrong.told(shape.named)) from wrong
        except (RuntimeError, MemoryError) as error:
            why = f"{shape.named} takes more memory, or longer, than it may ({_PROCESS_S} s): say fewer rows"
            raise CannotJudge(why) from error
    return rows


def _phases_of(ids: Integers, phases: Sequence[Phase]) -> Integers:
    """Index of the phase of each event; of an id below 0, the last phase."""
    order = np.argsort([phase.segment.first for phase in phases])
    firsts = np.array([phases[number].segment.first for number in order])
    found = order[np.maximum(np.searchsorted(firsts, ids, side="right") - 1, 0)]
    return np.asarray(np.where(ids < 0, len(phases) - 1, found), dtype=np.int64)


def _lines(rows: SqlRows, names: Sequence[str]) -> Integers:
    columns: Mapping[str, Integers] = rows.columns
    if not names:
        return np.empty((0, len(rows.keys)), dtype=np.int64)
    return np.stack([columns[name] for name in names])
