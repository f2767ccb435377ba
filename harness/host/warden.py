"""The warden: sees to it that nothing a run started outlives it, also when the run itself is killed.

Every process of a run inherits MARK in its environment, and descends from the run, whatever it makes of the
environment. The warden is a process apart, without the mark; it holds the reading end of a pipe from the run, and looks
at the run's descendants a few times a second. When the pipe ends without a farewell, it kills every process that
carries the run's mark or is known as a descendant, and removes the run's scratch folder.

Both hold the lock of the scratch folder, which the system releases when the last of them has gone. So whoever gets it
knows that what is left of an earlier run of this name, after a power cut or where both were killed, is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engines import proc
from harness.host import own
from harness.host.interpreter import command, environment
from harness.host.lineage import Lineage, Member
from harness.problem import ExitCode, Problem

MARK = "STREAMGAUGE_RUN"

_FAREWELL = b"farewell\n"
_GONE_S = 10.0
_AWAITED_S = 12.0
"""A little longer than a warden takes."""
_LOOK_S = 0.05
_WATCH_S = 0.25


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


class Started:
    """What a process started since this was made, however it has left."""

    def __init__(self, root: int, spared: Callable[[Member], bool] = lambda _: True) -> None:
        """spared: which of its descendants so far are left alone, with what they start."""
        self._lineage = Lineage(root)
        self._lineage.look()
        self._spared = set(filter(spared, self._lineage.members))
        self._seen: set[Member] = set()

    def look(self) -> None:
        self._lineage.look()
        self._seen.update(self._lineage.members)

    def spare(self, pid: int) -> None:
        """This one, and what it starts, is left alone."""
        self._lineage.look()
        self._spared |= {one for one in self._lineage.members if one.pid == pid}

    def pids(self) -> list[int]:
        """Those that still run."""
        self.look()
        return [one.pid for one in self._seen if self._spared.isdisjoint(one.line()) and _is_there(one)]


def _is_there(member: Member) -> bool:
    found = proc.origin(member.pid)
    return found is not None and found.started == member.started and proc.runs(member.pid)


def sweep(run: str, started: Started | None = None) -> int:
    """Kill whatever still carries the run's mark or was started by it, until nothing does; how many there were at
    first.

    Raises TimeoutError if some remain after 10 s.
    """

    def left() -> list[int]:
        return list({*marked(run), *(started.pids() if started else ())})

    first = len(remaining := left())
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
        remaining = [pid for pid in left() if proc.runs(pid)]
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
        self._started = Started(os.getpid())
        self._child = subprocess.Popen(
            command("harness.host.warden", self._run, str(self._scratch), str(os.getpid())),
            env=environment(),
            stdin=subprocess.PIPE,
            pass_fds=[self._lock],
            start_new_session=True,
        )
        own.register(self._child.pid)
        self._started.spare(self._child.pid)
        self._before = os.environ.get(MARK)
        os.environ[MARK] = self._run
        return self

    def __exit__(self, *_error: object) -> None:
        if self._before is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = self._before
        sweep(self._run, self._started)
        shutil.rmtree(self._scratch, ignore_errors=True)
        with suppress(subprocess.TimeoutExpired):
            self._child.communicate(_FAREWELL, _GONE_S)
        os.close(self._lock)


def main() -> None:
    run, scratch, director = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    born = proc.origin(os.getpid())
    # What began before the warden did is none of its business, and neither is the warden.
    started = Started(int(director), lambda one: born is None or one.pid == os.getpid() or one.started < born.started)
    if not _bids_farewell(started):
        sweep(run, started)
        shutil.rmtree(scratch, ignore_errors=True)


def _bids_farewell(started: Started) -> bool:
    """Whether the run says that it ends well; looks at what it started meanwhile."""
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            if not selector.select(_WATCH_S):
                started.look()
            elif more := os.read(sys.stdin.fileno(), len(_FAREWELL)):
                said += more
            else:
                return said == _FAREWELL


if __name__ == "__main__":
    main()
