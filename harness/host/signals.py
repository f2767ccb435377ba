"""Holds processes still (SIGSTOP) for an instant, and lets them go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from engines.proc import state
from harness.failure import TrialFailure

_STOPPED_S = 10.0
_LOOK_S = 0.001


@contextmanager
def held_still(pids: Sequence[int]) -> Iterator[None]:
    """Every process is stopped while the context is entered, and goes on when it is left, however it is left.

    Raises TrialFailure if some do not stop within 10 s.
    """
    try:
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        deadline_s = time.monotonic() + _STOPPED_S
        while not all(state(pid) in ("T", "t", "Z", "") for pid in pids):
            if time.monotonic() > deadline_s:
                raise TrialFailure(f"processes {list(pids)} could not be held still within {_STOPPED_S:g} s")
            time.sleep(_LOOK_S)
        yield
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # It ended meanwhile; whether that is a failure, the engine says.
        os.kill(pid, number)
