"""The warden: sees to it that nothing a run started outlives it, also when the run itself is killed.

Every process of a run inherits MARK in its environment. The warden is a process apart, without the mark; it holds the
reading end of a pipe from the run. When that ends without a farewell, it kills every process that carries the run's
mark and removes the run's scratch folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from engines.proc import runs

MARK = "STREAMGAUGE_RUN"

_FAREWELL = b"farewell\n"
_GONE_S = 10.0
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


class Warden:
    """Guards a run while entered: marks this process's environment, and removes the scratch folder at the end."""

    def __init__(self, run: str, scratch: Path) -> None:
        self._run, self._scratch = run, scratch

    def __enter__(self) -> Warden:
        self._scratch.mkdir(parents=True)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "harness.host.warden", self._run, str(self._scratch)],
            stdin=subprocess.PIPE,
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


def main() -> None:
    run, scratch = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != _FAREWELL:
        sweep(run)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
