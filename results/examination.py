"""A history that allows a comparison: its events made again, the rows that are due, and the rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from results.committed import CommittedInput, committed
from results.comparison import Comparison, Finder, Windows, compare
from results.history import History, Quiescent
from results.phase import Phase
from results.replay import CannotJudge, Replay
from results.rows import Rows, parse
from workloads import oracle
from workloads.query import ID
from workloads.stream import Integers


@dataclass(frozen=True)
class Examination:
    """labels: the keys of the stream; windows and rows name them by index. problems: what stands against a verdict on
    each phase although the trial ended, by phase name.
    """

    history: History
    replay: Replay
    phases: list[Phase]
    labels: Sequence[str]
    given: CommittedInput
    comparison: Comparison
    finder: Finder
    problems: dict[str, list[str]]

    def phase_at(self, times_ns: Integers) -> Integers:
        """Index of the phase that was under way at these times."""
        starts = np.array([phase.start_ns for phase in self.phases])
        return np.asarray(np.maximum(np.searchsorted(starts, times_ns, side="right") - 1, 0), dtype=np.int64)

    def members(self, phase: Phase, windows: pa.Table) -> pa.Table:
        """The events of some windows of a phase (columns key, start, end), in log order."""
        members = oracle.members(
            self.replay.query, self.replay.pieces(phase.segment, self.given.ids[phase.name]), windows
        )
        log = self.history.table("input", ["partition", "offset", "id"])
        concerned = np.isin(log["id"].to_numpy(), members[ID].to_numpy())
        partitions, offsets, ids = (log[name].to_numpy()[concerned] for name in ("partition", "offset", "id"))
        ids = ids[np.lexsort((offsets, partitions))]
        distinct, places = np.unique(ids, return_index=True)
        rank = places[np.searchsorted(distinct, members[ID].to_numpy())]
        return members.take(np.argsort(rank, kind="stable"))


def examine(history: History, phases: list[Phase]) -> Examination:
    """Compare what is there with what is due. Raises DamagedHistory or CannotJudge where that cannot be done."""
    replay = Replay(history.plan)
    labels = replay.labels(phases[0].segment)
    given = committed(history, phases)
    parts = []
    for number, phase in enumerate(phases):
        if list(replay.labels(phase.segment)) != list(labels):
            raise CannotJudge(f"workload {history.plan.workload} has other keys in phase {phase.name} than before")
        due = oracle.expected(replay.query, replay.pieces(phase.segment, given.ids[phase.name]))
        parts.append((np.full(due.num_rows, number), due))
    due = pa.concat_tables([part for _, part in parts])
    column = {name: due[name].to_numpy() for name in due.schema.names}
    windows = Windows(
        phases=np.concatenate([part for part, _ in parts]),
        keys=column["key"],
        starts=column["start"],
        ends=column["end"],
        values=np.stack([column[output.name] for output in replay.query.shape.outputs]),
        last_ids=column["last_id"],
    )
    rows = parse(replay.query, history.table("output"), labels)
    problems = {phase.name: list(given.problems[phase.name]) for phase in phases}
    for phase in phases:
        late = replay.late(phase.segment)
        if late:
            problems[phase.name].append(
                f"{late} events of the stream come later than the watermark delay allows, which method version 1 does "
                "not judge"
            )
        problems[phase.name] += _recording(history, rows)
    return Examination(
        history=history,
        replay=replay,
        phases=phases,
        labels=labels,
        given=given,
        comparison=compare(windows, rows),
        finder=Finder(windows.keys, windows.starts, windows.ends),
        problems=problems,
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
