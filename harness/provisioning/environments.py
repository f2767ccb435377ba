"""The engines' Python environments: each from a lock that has every package's hash, made when it is first needed."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engines.protocol import Environment
from harness.problem import Problem
from harness.provisioning import pythons, uv
from harness.provisioning.folders import exclusive, home
from harness.provisioning.locks import lock_of
from harness.provisioning.progress import ProgressReport
from results.folder import write_whole

State = Literal["ready", "outdated", "missing"]


def environment_state(needs: Environment) -> State:
    """Whether an engine's environment is there, and made from today's lock.

    Raises Problem where the lock cannot be read.
    """
    locked = _locked(needs)
    return locked.state() if locked else "ready"


def ensure_environment(needs: Environment, report: ProgressReport) -> Path:
    """The interpreter of an engine's environment, which is made anew if it must be; the harness's own where the engine
    has none. Raises Problem.
    """
    locked = _locked(needs)
    if locked is None:
        return Path(sys.executable)
    if locked.state() != "ready":
        with exclusive(f"env-{locked.name}", report):
            if locked.state() != "ready":
                base = pythons.ensure_python(pythons.Bound.read(needs.python), locked.what, report)
                uv.make_locked(locked.lock, base, locked.folder, locked.what, report)
                write_whole(locked.stamp, locked.source)
    return locked.python


@dataclass(frozen=True)
class _Locked:
    """An environment that is made from a lock.

    name: of its folder. lock: the file. source: what it is made from, as its stamp says it.
    """

    name: str
    lock: Path
    source: bytes

    @property
    def what(self) -> str:
        return f"the environment of {self.name}"

    @property
    def folder(self) -> Path:
        return home() / "envs" / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / ".made-from"

    def state(self) -> State:
        if not self.python.exists():
            return "missing"
        return "ready" if self.stamp.exists() and self.stamp.read_bytes() == self.source else "outdated"


def _locked(needs: Environment) -> _Locked | None:
    """None where an engine runs in the harness's own environment. Raises Problem for a lock that cannot be read."""
    if needs.requirements is None and needs.group is None:
        return None
    lock = needs.requirements or lock_of(str(needs.group))
    try:
        content = lock.read_bytes()
    except OSError as error:
        raise Problem(
            f"engine environments are made from locks, and one cannot be read: {error.strerror}",
            str(lock),
            "see to its permissions, or install what it came with again",
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    name = needs.group if needs.requirements is None else f"outside-{digest[:16]}"
    made = f"lock sha256 {digest}, Python {_version(needs)}, at {home() / 'envs' / str(name)}\n"
    return _Locked(str(name), lock, made.encode())


def _version(needs: Environment) -> str:
    """This Python's version where the engine runs on it, else what it asks for: then another one is found."""
    bound = pythons.Bound.read(needs.python)
    return f"3.{sys.version_info.minor}" if bound.allows(sys.version_info.minor) else str(bound)
