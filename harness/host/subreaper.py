"""This process as the subreaper of all that it starts: orphans become its children, whatever they shed.

Orphans are waited for one by one, by pid. No child that something here started is ever waited for: whoever started it
wants its exit code.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.popen_fork import Popen as Forked

from harness.problem import ExitCode, Problem

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


@contextmanager
def subreaper() -> Iterator[None]:
    """While entered, this process is one. Raises Problem where the kernel refuses."""
    before = ctypes.c_int()
    _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
    _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    try:
        yield
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(before.value))


def _prctl(option: int, argument: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, argument, 0, 0, 0) != 0:
        why = os.strerror(ctypes.get_errno())
        raise Problem(
            f"this process cannot become the parent of orphans (prctl): {why}",
            "",
            "run on Linux 3.4 or later, outside of a sandbox that forbids it",
            ExitCode.ENVIRONMENT,
        )


def started_here() -> set[int]:
    """Pids of the children that Python code of this process holds, and may still ask for their exit codes.

    Costs some ten milliseconds: every object is looked at.
    """
    kinds = (subprocess.Popen, Forked)
    return {pid for one in gc.get_objects() if issubclass(type(one), kinds) if (pid := getattr(one, "pid", None))}


def wait_for(pid: int) -> float | None:
    """CPU seconds that a dead orphan took, with those of the children that it waited for; None if it is no child of
    ours or not dead. It is gone then.
    """
    try:
        waited, _, usage = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return usage.ru_utime + usage.ru_stime if waited else None
