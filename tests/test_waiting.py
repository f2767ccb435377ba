"""The wait that the tests share ends as soon as it may, and says what did not come."""

from __future__ import annotations

import time

import pytest

from tests.waiting import wait_until


def test_what_is_awaited_is_given_as_soon_as_it_is_there() -> None:
    answers = iter(["", None, 0, "it"])
    assert wait_until(lambda: next(answers), look_s=0.0) == "it"


def test_what_never_comes_is_waited_for_no_longer_than_was_said() -> None:
    began_s = time.monotonic()
    with pytest.raises(AssertionError, match=r"waited 0.05 s for the moon$"):
        wait_until(lambda: False, 0.05, "the moon")
    assert time.monotonic() - began_s >= 0.05


def test_how_far_things_are_is_asked_when_time_is_over() -> None:
    looks: list[int] = []
    with pytest.raises(AssertionError, match=r"for \[0, 0, "):
        wait_until(lambda: looks.append(0), 0.05, lambda: looks, look_s=0.001)
