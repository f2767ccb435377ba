"""What processes are doing: their threads' stacks, written down where an engine failed or hangs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from engines import proc
from engines.protocol import Role

_DUMP_S = 10.0


def dump(processes: Mapping[Role, Iterable[int]], java_home: Path | None, logs: Path) -> None:
    """Write `threads-ROLE-PID.txt` for each process that tells: a JVM by jstack, Python by py-spy where that is there.

    A process that is stopped or gone tells nothing, and is waited for 10 s at most.
    """
    logs.mkdir(parents=True, exist_ok=True)
    for role, pids in processes.items():
        for pid in pids:
            argv = _dumper(pid, java_home)
            if argv is None:
                continue
            with suppress(OSError, subprocess.TimeoutExpired):
                told = subprocess.run(argv, capture_output=True, timeout=_DUMP_S, check=False)
                (logs / f"threads-{role}-{pid}.txt").write_bytes(told.stdout + told.stderr)


def _dumper(pid: int, java_home: Path | None) -> list[str] | None:
    """The command that prints a process's stacks; None where there is none."""
    name = proc.name(pid)
    if not name:
        return None
    if name == "java":
        jstack = java_home / "bin" / "jstack" if java_home else None
        return [str(jstack), str(pid)] if jstack and jstack.exists() else None
    spy = shutil.which("py-spy")
    return [spy, "dump", "--pid", str(pid)] if spy else None
