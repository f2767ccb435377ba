"""Slots of workers that are named in no order."""

from __future__ import annotations

import pytest

from engines.slots import filled


@pytest.mark.parametrize(
    ("before", "running", "after"),
    [
        ([], [30, 10], [30, 10]),
        ([30, 10], [10, 30], [30, 10]),
        ([30, 10], [10], [None, 10]),
        ([30, 10], [10, 31], [31, 10]),
        ([None, 10], [10, 31], [31, 10]),
        ([30, 10], [31, 11], [31, 11]),
        ([30], [30, 31], [30, 31]),
    ],
)
def test_who_runs_on_keeps_its_slot_and_a_successor_takes_that_of_the_dead(before, running, after):
    assert filled(before, running) == after
