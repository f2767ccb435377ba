"""A small disk of a job's own, so that it can be full without hurting anyone: a tmpfs that only this run sees.

It is mounted in a mount namespace of the run's own, which the kernel takes down with the run's last process: no mount
is left, however the run ends.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from functools import cache
from pathlib import Path

from harness.problem import ExitCode, Problem

SIZE_MB = 512
_CLONE_NEWNS = 0x00020000
_CHUNK = b"\0" * (1 << 20)
_REMEDY = "run as root, or leave fill-disk out"


_PROBE = ("unshare", "--mount", "--propagation", "private", "true")
"""What `separate` does, by the system's own tool: it is refused in most containers, and in a chroot."""


@cache
def lacking() -> str | None:
    """Why there can be no disk of our own on this machine, or None."""
    if os.geteuid() != 0:
        return "only root may mount a disk of the job's own"
    try:
        tried = subprocess.run(_PROBE, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"a disk of the job's own cannot be mounted: {error}"
    return None if tried.returncode == 0 else f"a disk of the job's own cannot be mounted: {tried.stderr.strip()}"


def separate() -> None:
    """Give this process a mount namespace of its own; call it before it has threads. Raises Problem."""
    if threading.active_count() > 1:
        raise RuntimeError("a mount namespace is one thread's own: separate before there are others")
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNS) != 0:
        why = os.strerror(ctypes.get_errno())
        raise Problem(f"a mount namespace of the run's own cannot be had: {why}", "", _REMEDY, ExitCode.ENVIRONMENT)
    _run("mount", "--make-rprivate", "/")


class SmallDisk:
    """Mounted at an empty folder until `close`."""

    def __init__(self, folder: Path) -> None:
        """Raises Problem if it cannot be mounted."""
        self.folder = folder
        self._filler = folder / ".filler"
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "streamgauge", str(folder))

    @property
    def used(self) -> bool:
        """Whether the job keeps anything there."""
        return any(path.is_file() for path in self.folder.rglob("*"))

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Take all the room that is left."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(_CHUNK)
            except OSError:
                return

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        _run("umount", "--lazy", str(self.folder))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Problem(
            f"{' '.join(command)} failed: {done.stderr.strip() or done.returncode}", "", _REMEDY, ExitCode.ENVIRONMENT
        )
