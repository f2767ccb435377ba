"""The folder that holds what provisioning made, and the locks on it. Standard library only."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.problem import Problem
from harness.provisioning.progress import ProgressReport

ROOT = Path(__file__).resolve().parents[2]
"""The checkout (or the folder of an installed package) that holds `engines` and `workloads`."""

_WAIT_S = 1800.0
_POLL_S = 0.2


def home() -> Path:
    """STREAMGAUGE_HOME, else `.streamgauge` of the checkout, else the user's cache folder."""
    chosen = os.environ.get("STREAMGAUGE_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if (ROOT / "uv.lock").exists():
        return ROOT / ".streamgauge"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamgauge"


def lacking_space(path: Path, needed: int) -> Problem | None:
    """What to say where fewer than `needed` bytes are free at path (or where it will be), else None."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free >= needed:
        return None
    return Problem(
        f"no disk space: {needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free",
        str(there),
        "free some space, or set STREAMGAUGE_HOME to a folder on another disk",
    )


@contextmanager
def exclusive(name: str, report: ProgressReport, timeout_s: float = _WAIT_S) -> Iterator[None]:
    """Hold the lock `name`; the system gives it back when its holder dies.

    Raises Problem if another process still holds it after timeout_s.
    """
    path = home() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    told = False
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Problem(
                        f"another streamgauge has been preparing {name} for more than {timeout_s:g} s",
                        str(path),
                        "wait for it, or end it, and repeat the command",
                    ) from None
                if not told:
                    report.step(f"another streamgauge is preparing {name}: waiting for it")
                    told = True
                time.sleep(_POLL_S)
        yield
