"""Signals to processes that we started, and the proof that they took effect."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from engines.proc import state
from harness.faults.fault import Unconfirmed

_CONFIRM_S = 10.0
_LOOK_S = 0.001


def kill(pids: Sequence[int]) -> None:
    """SIGKILL, and return once all are gone (a zombie is: it runs no more). Raises Unconfirmed."""
    _signal(pids, signal.SIGKILL)
    _confirm(pids, ("", "Z", "X"), "be gone after SIGKILL")


def pause(pids: Sequence[int]) -> None:
    """SIGSTOP, and return once all are stopped. Raises Unconfirmed."""
    _signal(pids, signal.SIGSTOP)
    _confirm(pids, ("T", "t"), "be stopped after SIGSTOP")


def resume(pids: Sequence[int]) -> None:
    _signal(pids, signal.SIGCONT)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _confirm(pids: Sequence[int], states: tuple[str, ...], awaited: str) -> None:
    deadline_s = time.monotonic() + _CONFIRM_S
    while left := [pid for pid in pids if state(pid) not in states]:
        if time.monotonic() > deadline_s:
            raise Unconfirmed(f"processes {left} did not {awaited} within {_CONFIRM_S:g} s")
        time.sleep(_LOOK_S)
