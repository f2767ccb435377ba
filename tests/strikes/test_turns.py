"""Workers are struck in turn."""

from __future__ import annotations

from harness.strikes.turns import Turns


def test_slots_are_struck_one_after_the_other():
    turns = Turns()
    assert [turns.take([0, 1, 2], exposed_only=False) for _ in range(5)] == [0, 1, 2, 0, 1]


def test_a_slot_that_stands_by_is_passed_over_and_has_its_turn_later():
    turns = Turns()
    taken = [turns.take(parts, exposed_only=False) for parts in ([0, 1], [0], [0, 1], [0, 1])]
    assert taken == [0, 0, 1, 1]


def test_once_enough_were_exposed_only_slots_that_never_were_are_struck():
    turns = Turns()
    assert turns.take([0, 1], exposed_only=False) == 0
    turns.exposed(0)
    assert turns.untested
    assert [turns.take([0, 1], exposed_only=True) for _ in range(3)] == [1, 1, 1]
    turns.exposed(1)
    assert not turns.untested


def test_without_a_worker_of_a_turn_nothing_is_untested():
    assert not Turns().untested
