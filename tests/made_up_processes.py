"""Processes that leave those that start them, as an engine's may: made-up ones, quick to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LEAVING = """
import os, sys, time
def leave(work, after_s=0):
    # Forked twice, in a session of its own, with an empty environment: nothing is left of where it comes from.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(sys.executable, [sys.executable, "-I", "-c", work], {})
        time.sleep(after_s)
        os._exit(0)
    os.wait()
"""
"""Gives a Python program `leave(work)`: run the program `work` as a process that left, after_s after it was started."""


_TELLING = """
import os, sys
if (pid := os.fork()) == 0:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.executable, [sys.executable, "-I", "-c", sys.argv[1]])
print(pid, flush=True)
"""
"""Starts the program that it is given, tells its pid and ends."""


def burn(seconds: float, then: str = "pass") -> str:
    """A program that takes so much CPU, and then does what is said."""
    return f"import time\nwhile time.process_time() < {seconds}: pass\n{then}"


@contextmanager
def worker(program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this program, which may `leave`; killed at the end. Entered once it printed a line."""
    with subprocess.Popen([sys.executable, "-I", "-c", LEAVING + program], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            yield child
        finally:
            child.kill()


@contextmanager
def apart(program: str) -> Iterator[int]:
    """A process of this program that descends from none of ours, as one of another user; its pid. Killed at the end."""
    # What is started by a process that is gone before anyone looks is the child of the first of all.
    with subprocess.Popen([sys.executable, "-I", "-c", _TELLING, program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
