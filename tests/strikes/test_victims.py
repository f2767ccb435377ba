"""Whose turn it is to be struck, at a made-up job of two workers, and what that one has at stake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engines.protocol import Progress, Slot
from harness.faults.fault import Target
from harness.strikes import campaign as campaigns
from harness.strikes.row_counts import PartitionRows
from results.history import Exposed, Strike
from tests.strikes.made_up_job import Death, Job, World, campaign, wait_over


class DeathOfOne(Death):
    """Asks whose turn it is."""

    one_victim = True

    def inject(self, target: Target) -> str:
        return f"{target.victim()}: {super().inject(target)}"


class Pair(Job):
    """Two workers, each with a part; the second may stand by."""

    def __init__(self, world: World, occupied: tuple[int, ...] = (1, 2)) -> None:
        super().__init__(world)
        self.with_part = list(occupied)

    def occupied(self) -> list[int]:
        return self.with_part


def struck_slots(marks: list[Any]) -> list[tuple[int | None, str]]:
    return [(mark.slot, mark.detail) for mark in marks if isinstance(mark, Strike) and mark.step == "injected"]


def test_workers_are_struck_in_turn_and_the_marks_name_their_slots():
    world, marks = World(), []
    with campaign(world, DeathOfOne(world), marks, wanted=3, job=Pair(world)) as running:
        running.start()
        wait_over(running)
        running.stop()
    assert struck_slots(marks) == [(0, "1: it is gone"), (1, "2: it is gone"), (0, "1: it is gone")]
    assert {tuple(mark.parts) for mark in marks if isinstance(mark, Strike)} == {(0, 1)}


def test_strikes_go_on_until_each_worker_with_a_part_was_exposed():
    world, marks = World(), []
    with campaign(world, DeathOfOne(world), marks, wanted=1, most=4, job=Pair(world)) as running:
        running.start()
        wait_over(running)
        assert (running.exposed, running.tried) == (2, 2)
    assert [slot for slot, _ in struck_slots(marks)] == [0, 1]


def test_a_worker_that_stands_by_has_no_turn():
    world, marks = World(), []
    with campaign(world, DeathOfOne(world), marks, wanted=2, job=Pair(world, (2,))) as running:
        running.start()
        wait_over(running)
        assert (running.exposed, running.tried) == (2, 2)
    assert struck_slots(marks) == [(1, "2: it is gone")] * 2


def test_a_fault_without_one_victim_names_no_slot_and_waits_for_none():
    world, marks = World(), []
    with campaign(world, Death(world), marks, wanted=1, job=Pair(world)) as running:
        running.start()
        wait_over(running)
        assert running.tried == 1
    assert struck_slots(marks) == [(None, "it is gone")]


class Apart(World):
    """Its two workers go back each by itself; all that it writes is the second one's."""

    def progress(self) -> Progress:
        found = super().progress()
        return replace(found, positions={0: 1, 1: found.inputs or 0})


class ApartJob(Pair):
    rollback = "worker"
    swapped = False

    def slots(self) -> list[Slot]:
        parts = [frozenset({0}), frozenset({1})]
        return [Slot(1, parts[self.swapped]), Slot(2, parts[not self.swapped])]


class Counts:
    """In place of a reader's count: the second partition's rows are all there are."""

    def __init__(self, world: World) -> None:
        self._world = world

    def look(self) -> PartitionRows:
        counts = 5, self._world._written()
        return PartitionRows(counts, counts)

    def close(self) -> None:
        pass


def test_a_strike_exposes_only_what_its_worker_had_at_stake(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(campaigns, "_AIM_S", 0.5)
    world, marks = Apart(), []
    # A worker that wrote nothing since its last commit is struck at a point of the interval, and exposes nothing.
    with campaign(
        world, DeathOfOne(world), marks, wanted=1, most=4, aim="share", job=ApartJob(world), counts=Counts(world)
    ) as running:
        running.start()
        wait_over(running)
        assert running.tried == 4
    found = {mark.number: mark for mark in marks if isinstance(mark, Exposed)}
    slots = {mark.number: mark.slot for mark in marks if isinstance(mark, Strike)}
    assert {mark.scope for mark in found.values()} == {"worker"}
    assert {found[number].outputs for number, slot in slots.items() if slot == 0} == {0}
    assert any(found[number].outputs > 0 for number, slot in slots.items() if slot == 1)


class Moving(DeathOfOne):
    """While it is injected, the partitions change hands."""

    def __init__(self, world: World, job: ApartJob) -> None:
        super().__init__(world)
        self._job = job

    def inject(self, target: Target) -> str:
        self._job.swapped = not self._job.swapped
        return super().inject(target)


@pytest.mark.parametrize("rollback", ["worker", None])
def test_a_strike_is_not_exposed_where_it_is_not_known_what_goes_back(rollback: Any):
    world, marks = Apart(), []
    job = ApartJob(world)
    job.rollback = rollback
    with campaign(
        world, Moving(world, job), marks, wanted=1, most=2, aim="share", job=job, counts=Counts(world)
    ) as running:
        running.start()
        wait_over(running)
        assert (running.exposed, running.tried) == (0, 2)
    found = [mark for mark in marks if isinstance(mark, Exposed)]
    assert [(mark.scope, mark.outputs, mark.inputs, mark.unanswered) for mark in found] == [("untold", 0, 0, None)] * 2
