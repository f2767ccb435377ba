"""Signals to processes that we started, and the proof that they took effect."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Sequence

from engines.proc import state
from harness.faults.fault import Unconfirmed
from harness.host.signals import StillRunning, send, stop

_CONFIRM_S = 10.0
_LOOK_S = 0.001


def kill(pids: Sequence[int]) -> None:
    """SIGKILL, and return once all are gone (a zombie is: it runs no more). Raises Unconfirmed."""
    _signal(pids, signal.SIGKILL)
    _confirm(pids, ("", "Z", "X"), "be gone after SIGKILL")


def kill_family(pids: Collection[int], look: Callable[[], Collection[int]]) -> list[int]:
    """Kill these and all that `look` finds, also what one of them starts meanwhile; their pids. Raises Unconfirmed.

    They are stopped first: who started a process can no longer be told once that one is dead.
    """
    held: list[int] = []
    try:
        pause_family(pids, look, held)
    finally:
        kill(held)
    return held


def pause(pids: Sequence[int]) -> None:
    """SIGSTOP, and return once all are stopped. Raises Unconfirmed."""
    _signal(pids, signal.SIGSTOP)
    _confirm(pids, ("T", "t"), "be stopped after SIGSTOP")


def pause_family(pids: Collection[int], look: Callable[[], Collection[int]], paused: list[int]) -> None:
    """Pause these and all that `look` finds, also what one of them starts meanwhile. paused: takes their pids. Raises
    Unconfirmed.
    """
    try:
        stop(pids, look, paused)
    except StillRunning as error:
        raise Unconfirmed(str(error)) from error


def and_more(count: int) -> str:
    """The rest of a sentence about a worker: so many others, which it started."""
    return f", with {count} process{'es' if count > 1 else ''} that it started" if count else ""


def resume(pids: Sequence[int]) -> None:
    _signal(pids, signal.SIGCONT)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        send(pid, number)


def _confirm(pids: Sequence[int], states: tuple[str, ...], awaited: str) -> None:
    deadline_s = time.monotonic() + _CONFIRM_S
    while left := [pid for pid in pids if state(pid) not in states]:
        if time.monotonic() > deadline_s:
            raise Unconfirmed(f"processes {left} did not {awaited} within {_CONFIRM_S:g} s")
        time.sleep(_LOOK_S)
