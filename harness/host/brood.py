"""All that a process started, ended with it: also what has left its session, its group or its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

from engines import proc
from harness.host.lineage import Lineage

_GONE_S = 10.0
_LOOK_S = 0.01


def end_with_all(child: subprocess.Popen[bytes]) -> None:
    """Kill a process that began a session, and what descends from it; returns once it is waited for."""
    # The number of one that was waited for may be another's by now, and its children are whoever's took them.
    found = _descendants(child.pid) if child.returncode is None else []
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for pid in found:
        _kill(pid)
    child.wait()


def end_orphans() -> bool:
    """Kill whatever descends from this process, which is a subreaper and holds no child any more, until nothing does.
    False if some are still there after 10 s.
    """
    deadline_s = time.monotonic() + _GONE_S
    while found := _descendants(os.getpid()):
        for pid in found:
            _kill(pid)
            with suppress(ChildProcessError):  # It is a child's child still.
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline_s:
            return False
        time.sleep(_LOOK_S)
    return True


def _descendants(pid: int) -> list[int]:
    lineage = Lineage(pid)
    lineage.look()
    return [member.pid for member in lineage.members]


def _kill(pid: int) -> None:
    if proc.runs(pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
