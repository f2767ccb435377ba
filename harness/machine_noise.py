"""What was measured of this machine's noise, under the home folder; a run carries what was known as it began."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

from harness.provisioning import home
from results.folder import write_whole
from results.plan import NOISE, Machine

_GIB = 1 << 30


def folder(machine: Machine) -> Path:
    """Where the noise of a machine is kept: by its processor, cores and memory, as other things change and it stays."""
    told = json.dumps([machine.cpu, machine.cores, round(machine.memory_bytes / _GIB)])
    return home() / NOISE / hashlib.sha256(told.encode()).hexdigest()[:24]


def keep(machine: Machine, case: str, content: bytes) -> Path:
    """Keep what was measured of a case, in place of what was measured of it before; where. Raises OSError."""
    path = folder(machine) / f"{case}.json"
    write_whole(path, content)
    return path


def carry(machine: Machine, run: Path) -> None:
    """Copy what is known into a run's folder, unless it has some already: one that goes on keeps what it began with."""
    source, target = folder(machine), run / NOISE
    if target.exists() or target.is_symlink() or not source.is_dir():
        return
    with suppress(OSError):  # Then the run knows nothing of it.
        shutil.copytree(source, target, ignore=lambda _, names: [name for name in names if not name.endswith(".json")])
