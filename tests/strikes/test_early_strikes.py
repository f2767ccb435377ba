"""Strikes that fall right after a commit before those that a suite asks for."""

from __future__ import annotations

from typing import Any

from results.history import Strike
from tests.strikes.made_up_job import Death, World, campaign, wait_over


def test_strikes_right_after_a_commit_come_before_as_many_as_are_wanted() -> None:
    world = World()
    marks: list[Any] = []
    with campaign(world, Death(world), marks, commits=2, wanted=3, most=9) as running:
        running.start()
        wait_over(running)
        running.stop()
    by_number = {mark.number: mark.aimed for mark in marks if isinstance(mark, Strike)}
    aims = [by_number[number] for number in sorted(by_number)]
    assert aims[:2] == ["right after a commit"] * 2
    assert len(aims) >= 5
    assert all("of the commit interval" in aim for aim in aims[2:])
