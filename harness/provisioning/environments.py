"""The engines' Python environments: one a dependency group, from the project's lock file, made when first needed."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Literal

from harness.problem import Problem
from harness.provisioning import uv
from harness.provisioning.folders import ROOT, exclusive, home
from harness.provisioning.progress import Report
from results.folder import write_whole

State = Literal["ready", "outdated", "missing"]


def environment_python(group: str | None) -> Path:
    """The interpreter of a group's environment, whether it is there or not; None is the harness's own."""
    return Path(sys.executable) if group is None else home() / "envs" / group / "bin" / "python"


def environment_state(group: str | None) -> State:
    """Whether a group's environment is there, and made from today's lock file by this version of Python."""
    python = environment_python(group)
    if group is None:
        return "ready"
    if not python.exists():
        return "missing"
    stamp = _stamp(group)
    return "ready" if stamp.exists() and stamp.read_bytes() == _source(group) else "outdated"


def ensure_environment(group: str | None, report: Report) -> Path:
    """The interpreter of a group's environment, which is made or brought up to date if it must be. Raises Problem."""
    if group is None or environment_state(group) == "ready":
        return environment_python(group)
    with exclusive(f"env-{group}", report):
        if environment_state(group) != "ready":
            source = _source(group)
            uv.sync(["--only-group", group], home() / "envs" / group, f"the environment of {group}", report)
            write_whole(_stamp(group), source)
    return environment_python(group)


def _stamp(group: str) -> Path:
    return home() / "envs" / group / ".made-from"


def _source(group: str) -> bytes:
    """What a group's environment is made from: the lock file's hash, the version of Python, and where it stands."""
    lock = ROOT / "uv.lock"
    try:
        content = lock.read_bytes()
    except OSError as error:
        raise Problem(
            f"engine environments are made from the project's lock file, and it cannot be read: {error.strerror}",
            str(lock),
            "run Streamgauge from a checkout of its repository: ./bench",
        ) from error
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(content).hexdigest()
    return f"uv.lock sha256 {digest}, Python {version}, at {home() / 'envs' / group}\n".encode()
