"""Facts about the machine that a result must be read with."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from results.plan import Machine


def describe(java: str | None) -> Machine:
    """This machine. java: version of the JDK in use, None where none is."""
    return Machine(
        cpu=_cpu_model(Path("/proc/cpuinfo")),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        kernel=platform.release(),
        python=platform.python_version(),
        java=java,
    )


def _cpu_model(cpuinfo: Path) -> str:
    """The processor's name as Linux gives it, or the architecture where it gives none."""
    for line in cpuinfo.read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
