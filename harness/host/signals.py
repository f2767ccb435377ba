"""Holds processes still (SIGSTOP), with all that they start meanwhile, and lets them go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from engines.proc import state
from harness.failure import TrialFailure

_STOPPED_S = 10.0
_LOOK_S = 0.001


class StillRunning(Exception):
    """Some processes did not stop in time: their pids."""


def stop(pids: Collection[int], look: Callable[[], Collection[int]], held: list[int]) -> None:
    """Stop these processes, at once, and those that `look` finds, until it finds no further one: one may start another
    before it is stopped. held: takes the pid of each, as it is signalled. Raises StillRunning after 10 s.
    """
    deadline_s = time.monotonic() + _STOPPED_S
    fresh = list(pids)
    while fresh:
        held += fresh
        for pid in fresh:
            send(pid, signal.SIGSTOP)
        while running := [pid for pid in fresh if state(pid) not in ("T", "t", "Z", "X", "")]:
            if time.monotonic() > deadline_s:
                raise StillRunning(f"processes {running} did not stop within {_STOPPED_S:g} s")
            time.sleep(_LOOK_S)
        fresh = [pid for pid in dict.fromkeys(look()) if pid not in held]


@contextmanager
def held_still(pids: Collection[int], look: Callable[[], Collection[int]] = tuple) -> Iterator[None]:
    """Every process is stopped while the context is entered, and goes on when it is left, however it is left.

    look: pids of those that came meanwhile, asked until there are none. Raises TrialFailure if some do not stop within
    10 s.
    """
    held: list[int] = []
    try:
        try:
            stop(pids, look, held)
        except StillRunning as error:
            raise TrialFailure(str(error)) from error
        yield
    finally:
        for pid in held:
            send(pid, signal.SIGCONT)


def send(pid: int, number: signal.Signals) -> None:
    """Nothing happens if it has ended; whether that is a failure, the engine says."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
