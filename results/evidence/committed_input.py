"""The input log as committed: which events the engine was given, and whether the log kept what it acknowledged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.phases import Phase
from results.history import Decoyed, History
from workloads.stream import CONTROL_IDS, DECOY_IDS, Integers, checks

_SHOWN = 3

ISOLATION_TESTED = 8
"""From this method version on, aborted transactions are written into the input."""


@dataclass(frozen=True)
class CommittedInput:
    """ids: the workload's ids in the log, by phase name, as often as they occur, in order of partition and offset.

    problems: what the log or the generator did wrong, by phase name; none of it is the engine's doing.
    """

    ids: dict[str, Integers]
    problems: dict[str, list[str]]


def committed(history: History, phases: list[Phase]) -> CommittedInput:
    """Read the table `input`. Ids of heartbeats and closing events are left out."""
    table = history.table("input", ["partition", "offset", "id", "check"])
    partitions, offsets, ids, found = (column.to_numpy() for column in table.columns)
    disordered = (partitions[1:] < partitions[:-1]) | (
        (partitions[1:] == partitions[:-1]) & (offsets[1:] <= offsets[:-1])
    )
    if disordered.any():
        order = np.lexsort((offsets, partitions))
        ids, found = ids[order], found[order]
    own = ids < CONTROL_IDS
    decoys = int(np.count_nonzero(ids >= DECOY_IDS))
    if not own.all():
        ids, found = ids[own], found[own]
    by_phase, problems, placed = {}, {}, 0
    for phase in phases:
        first, last = phase.segment.first, phase.segment.first + phase.segment.count
        inside = (ids >= first) & (ids < last)
        mine = ids if inside.all() else ids[inside]
        by_phase[phase.name] = mine
        problems[phase.name] = _problems(phase, mine, found if inside.all() else found[inside])
        placed += len(mine)
    if placed < len(ids):
        for listed in problems.values():
            listed.append(f"input_foreign: {len(ids) - placed} events in the input log belong to no phase of the trial")
    if decoys:
        for listed in problems.values():
            listed.append(f"input_aborted: {decoys} events of aborted transactions are in the input log as committed")
    return CommittedInput(by_phase, problems)


def _problems(phase: Phase, ids: Integers, found: Integers) -> list[str]:
    first = phase.segment.first
    times = np.bincount(ids - first, minlength=phase.segment.count)
    lost, twice = np.flatnonzero(times == 0) + first, np.flatnonzero(times > 1) + first
    bad = ids[checks(ids) != found]
    problems = []
    if len(lost):
        problems.append(f"input_lost: {len(lost)} acknowledged events are not in the input log ({_some(lost)})")
    if len(twice):
        problems.append(f"input_duplicated: {len(twice)} events are in the input log more than once ({_some(twice)})")
    if len(bad):
        problems.append(f"input_damaged: {len(bad)} events in the input log have a wrong check ({_some(bad)})")
    return [f"{problem}: the log or the load generator failed, not the engine" for problem in problems]


def _some(ids: Integers) -> str:
    more = ", …" if len(ids) > _SHOWN else ""
    return f"id{'s' if len(ids) > 1 else ''} {', '.join(str(value) for value in ids[:_SHOWN])}{more}"


def decoys_of(history: History) -> Integers:
    """The ids of all events that were written in transactions that were aborted."""
    ranges = [np.arange(mark.first_id, mark.first_id + mark.count) for mark in history.of(Decoyed)]
    return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.int64)


def isolation(history: History, phases: list[Phase]) -> str:
    """Whether it was tested that the engine reads only what is committed: `tested`, or why it was not.

    Empty for trials that did not come so far, and for those of method versions that knew nothing of it.
    """
    if history.plan.method_version < ISOLATION_TESTED or not phases:
        return ""
    if history.plan.log == "embedded":
        return "not tested on this log, which has nothing uncommitted to read"
    tested = {mark.phase for mark in history.of(Decoyed)}
    untested = [phase.name for phase in phases if phase.name not in tested]
    return f"not tested in {', '.join(untested)}: no aborted transaction was written" if untested else "tested"
