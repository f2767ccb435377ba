"""The input log as committed: which events the engine was given, and whether the log kept what it acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results.evidence.phases import Phase
from results.history import Decoyed, History, parts
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


@dataclass(frozen=True)
class Some:
    """Events that are not as they should be."""

    count: int = 0
    """How many they are."""
    first: tuple[tuple[int, int, int], ...] = ()
    """Partition, offset and id of the first of them in the log, or 0, 0 and the id where it is not there."""

    def joined(self, other: Some) -> Some:
        """These and others of another part of the log."""
        return Some(self.count + other.count, tuple(sorted((*self.first, *other.first), key=itemgetter(0, 1))[:_SHOWN]))

    def __str__(self) -> str:
        more = ", …" if self.count > _SHOWN else ""
        return f"id{'s' if self.count > 1 else ''} {', '.join(str(number) for _, _, number in self.first)}{more}"


@dataclass(frozen=True)
class Flaws:
    """What is wrong with some events of the input log, each by itself."""

    damaged: Mapping[str, Some] = field(default_factory=dict)
    """Those with a wrong check, by phase name."""
    foreign: int = 0
    """How many belong to no phase of the trial."""
    decoys: int = 0
    """How many were in a transaction that was aborted."""

    def joined(self, other: Flaws) -> Flaws:
        """Of these events and of others."""
        names = self.damaged.keys() | other.damaged.keys()
        damaged = {name: self.damaged.get(name, Some()).joined(other.damaged.get(name, Some())) for name in names}
        return Flaws(damaged, self.foreign + other.foreign, self.decoys + other.decoys)


def flaws(phases: Sequence[Phase], partitions: Integers, offsets: Integers, ids: Integers, found: Integers) -> Flaws:
    """found: the checks that events of the table `input` have."""
    own = ids < CONTROL_IDS
    bad = own & (checks(ids) != found)
    damaged, foreign = {}, int(np.count_nonzero(own))
    for phase in phases:
        inside = phase.holds(ids)
        foreign -= int(np.count_nonzero(inside))
        mine = np.flatnonzero(inside & bad)
        mine = mine[np.lexsort((offsets[mine], partitions[mine]))]
        first = [tuple(column[mine[:_SHOWN]].tolist()) for column in (partitions, offsets, ids)]
        damaged[phase.name] = Some(len(mine), tuple(zip(*first, strict=True)))
    return Flaws(damaged, foreign, int(np.count_nonzero(ids >= DECOY_IDS)))


def committed(history: History, phases: list[Phase]) -> CommittedInput:
    """Read the table `input`. Ids of heartbeats and closing events are left out."""
    table = history.table("input", ["partition", "offset", "id", "check"])
    partitions, offsets, ids, found = (column.to_numpy() for column in table.columns)
    wrong = flaws(phases, partitions, offsets, ids, found)
    disordered = (partitions[1:] < partitions[:-1]) | (
        (partitions[1:] == partitions[:-1]) & (offsets[1:] <= offsets[:-1])
    )
    if disordered.any():
        ids = ids[np.lexsort((offsets, partitions))]
    by_phase, times = {}, {}
    for phase in phases:
        inside = phase.holds(ids)
        by_phase[phase.name] = mine = ids if inside.all() else ids[inside]
        times[phase.name] = np.bincount(mine - phase.segment.first, minlength=phase.segment.count)
    return CommittedInput(by_phase, input_problems(phases, wrong, times))


def recounted(history: History, phases: list[Phase]) -> dict[str, NDArray[np.uint8]]:
    """By phase name, how often each of its events is in the log (2: more than once), read a piece at a time."""
    times = {phase.name: np.zeros(phase.segment.count, dtype=np.uint8) for phase in phases}
    for part in parts(history.folder, "input"):
        for piece in history.pieces("input", ["id"], part):
            ids = piece["id"].to_numpy()
            for phase in phases:
                mine = ids[phase.holds(ids)] - phase.segment.first
                if len(mine):
                    low = int(mine.min())
                    counts = np.bincount(mine - low)
                    there = times[phase.name][low : low + len(counts)]
                    there[:] = np.minimum(counts + there, 2)
    return times


def input_problems(
    phases: Sequence[Phase], wrong: Flaws, times: Mapping[str, NDArray[np.integer[Any]]]
) -> dict[str, list[str]]:
    """What the log or the generator did wrong, by phase name. times: how often each event of a phase is in the log."""
    problems = {}
    for phase in phases:
        lost, twice = (_numbered(phase, places) for places in (times[phase.name] == 0, times[phase.name] > 1))
        bad, found = wrong.damaged.get(phase.name, Some()), []
        if lost.count:
            found.append(f"input_lost: {lost.count} acknowledged events are not in the input log ({lost})")
        if twice.count:
            found.append(f"input_duplicated: {twice.count} events are in the input log more than once ({twice})")
        if bad.count:
            found.append(f"input_damaged: {bad.count} events in the input log have a wrong check ({bad})")
        problems[phase.name] = [f"{each}: the log or the load generator failed, not the engine" for each in found]
        if wrong.foreign:
            problems[phase.name].append(
                f"input_foreign: {wrong.foreign} events in the input log belong to no phase of the trial"
            )
        if wrong.decoys:
            problems[phase.name].append(
                f"input_aborted: {wrong.decoys} events of aborted transactions are in the input log as committed"
            )
    return problems


def _numbered(phase: Phase, chosen: NDArray[np.bool_]) -> Some:
    places = np.flatnonzero(chosen)
    return Some(len(places), tuple((0, 0, phase.segment.first + place) for place in places[:_SHOWN].tolist()))


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
    if all(phase.kind == "probe" for phase in phases):
        return "not tested in probes, beside which no transaction is aborted"
    untested = [phase.name for phase in phases if phase.name not in tested]
    return f"not tested in {', '.join(untested)}: no aborted transaction was written" if untested else "tested"
