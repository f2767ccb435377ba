"""The warden: sees to it that nothing a run started outlives it, also when the run itself is killed.

Every process of a run inherits MARK in its environment. The warden is a process apart, without the mark; it holds the
reading end of a pipe from the run. When that ends without a farewell, it kills every process that carries the run's
mark and removes the run's scratch folder.

Both hold the lock of the scratch folder, which the system releases when the last of them has gone. So whoever gets it
knows that what is left of an earlier run of this name, after a power cut or where both were killed, is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from engines.proc import runs
from harness.host.interpreter import command, environment
from harness.problem import ExitCode, Problem

MARK = "STREAMGAUGE_RUN"

_FAREWELL = b"farewell\n"
_GONE_S = 10.0
_AWAITED_S = 12.0
"""A little longer than a warden takes."""
_LOOK_S = 0.05


def marked(run: str) -> list[int]:
    """Pids of the processes that carry the run's mark, this one excepted."""
    needle = f"{MARK}={run}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = Path(entry.path, "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # It ended meanwhile, or is another user's.
        if needle in words:
            found.append(int(entry.name))
    return found


def sweep(run: str) -> int:
    """Kill whatever still carries the run's mark, until nothing does; how many there were at first.

    Raises TimeoutError if some remain after 10 s.
    """
    first = len(remaining := marked(run))
    deadline = time.monotonic() + _GONE_S
    while remaining:
        for pid in remaining:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of run {run} are still there 10 s after SIGKILL: {remaining}")
        time.sleep(_LOOK_S)
        remaining = [pid for pid in marked(run) if runs(pid)]
    return first


def _claimed(scratch: Path) -> int:
    """The scratch folder, empty, as a descriptor that holds its lock. Raises Problem if another run holds it.

    A run that was killed a moment ago has a warden that cleans up: its end is awaited.
    """
    deadline = time.monotonic() + _AWAITED_S
    while True:
        scratch.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its holder removes it before it lets go: then the lock is of a folder that is no longer there.
            if os.path.samestat(os.fstat(descriptor), scratch.lstat()):
                return descriptor
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise Problem(
                "the run is still going on", str(scratch), "wait for its end, or interrupt it", ExitCode.USAGE
            )
        time.sleep(_LOOK_S)


class Warden:
    """Guards a run while entered: marks this process's environment, and removes the scratch folder at the end."""

    def __init__(self, run: str, scratch: Path) -> None:
        self._run, self._scratch = run, scratch

    def __enter__(self) -> Warden:
        """Removes what a run of this name left that was killed with its warden. Raises Problem if one is going on."""
        self._lock = _claimed(self._scratch)
        sweep(self._run)
        for left in self._scratch.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()
        self._child = subprocess.Popen(
            command("harness.host.warden", self._run, str(self._scratch)),
            env=environment(),
            stdin=subprocess.PIPE,
            pass_fds=[self._lock],
            start_new_session=True,
        )
        self._before = os.environ.get(MARK)
        os.environ[MARK] = self._run
        return self

    def __exit__(self, *_error: object) -> None:
        if self._before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = self._before
        sweep(self._run)
        shutil.rmtree(self._scratch, ignore_errors=True)
        with suppress(subprocess.TimeoutExpired):
            self._child.communicate(_FAREWELL, _GONE_S)
        os.close(self._lock)


def main() -> None:
    run, scratch = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != _FAREWELL:
        sweep(run)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
