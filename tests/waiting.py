"""The wait of the tests: until something is so, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WAIT_S = 60.0
"""So long that only what never comes is late."""
LOOK_S = 0.02


def wait_until(
    met: Callable[[], T],
    timeout_s: float = WAIT_S,
    awaited: str | Callable[[], object] = "the condition to come true",
    look_s: float = LOOK_S,
) -> T:
    """What `met` says, as soon as that is true. Fails the test after timeout_s, and says what was awaited; where that
    is a function, what it then tells of how far things are.
    """
    deadline_s = time.monotonic() + timeout_s
    while not (found := met()):
        if time.monotonic() > deadline_s:
            told = awaited if isinstance(awaited, str) else awaited()
            raise AssertionError(f"waited {timeout_s:g} s for {told}")
        time.sleep(look_s)
    return found
