"""Interpreters for the engines' environments: the one that runs us where it fits, else another one of the system or
one that uv brings.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.problem import ExitCode, Problem
from harness.provisioning import system, uv
from harness.provisioning.progress import ProgressReport

LOWEST = 11
"""Streamgauge's own code, which engines import, needs Python 3.11."""

_FORM = re.compile(r">=3\.(\d{1,3})(?:,<3\.(\d{1,3}))?")
_FIND_S = 60.0
_INSTALL_S = 900.0


@dataclass(frozen=True)
class Bound:
    """Which versions of Python 3 something runs on: minor versions from `lowest` on, and below `below`."""

    lowest: int
    below: int | None

    @classmethod
    def read(cls, text: str) -> Bound:
        """The bound of a text such as `>=3.11,<3.13`. Raises Problem for any other form."""
        found = _FORM.fullmatch(text)
        below = int(found[2]) if found and found[2] else None
        lowest = max(int(found[1]), LOWEST) if found else 0
        if found is None or (below is not None and below <= lowest):
            what = f"{text!r} bounds no version of Python that an engine can run on"
            raise Problem(what, "in an engine's `environment`", "write it as >=3.11 or >=3.11,<3.13", ExitCode.USAGE)
        return cls(lowest, below)

    def allows(self, minor: int) -> bool:
        return self.lowest <= minor and (self.below is None or minor < self.below)

    @property
    def newest(self) -> str:
        """The newest version that is allowed, such as `3.12`; without an upper bound the lowest, which exists."""
        return f"3.{self.lowest if self.below is None else self.below - 1}"

    def __str__(self) -> str:
        """As uv reads it, and as `read` does."""
        return f">=3.{self.lowest}" + (f",<3.{self.below}" if self.below is not None else "")


def ensure_python(bound: Bound, what: str, report: ProgressReport) -> Path:
    """An interpreter within the bound, for `what`. Raises Problem with the command that brings one.

    Nothing is brought where system.NO_INSTALL forbids it.
    """
    if bound.allows(sys.version_info.minor):
        return uv.base_python()
    found = _find(bound, report)
    if found is None and os.environ.get(system.NO_INSTALL, "") in ("", "0"):
        report.step(f"installing Python {bound.newest} with uv, for {what} ({system.NO_INSTALL}=1 forbids it)")
        failure = _uv(["python", "install", "--no-bin", bound.newest], "manual", _INSTALL_S, report)[1]
        found = _find(bound, report)
    else:
        failure = ""
    if found is None:
        why = f", and uv could not bring one: {failure}" if failure else ""
        apt = f", or {system.install_command(f'python{bound.newest}')}" if system.has_apt() else ""
        raise Problem(
            f"{what} needs Python {bound}, and there is none{why}",
            f"this is Python 3.{sys.version_info.minor}, {sys.executable}",
            f"install one, and repeat the command: uv python install {bound.newest}{apt}",
        )
    return found


def _find(bound: Bound, report: ProgressReport) -> Path | None:
    """One that is here, on the PATH or brought by uv earlier."""
    said, _ = _uv(["python", "find", "--no-project", "--system", str(bound)], "never", _FIND_S, report)
    return Path(said) if said else None


def _uv(words: list[str], downloads: str, timeout_s: float, report: ProgressReport) -> tuple[str, str]:
    """What uv printed, or nothing where it failed; and then its last line."""
    command: list[Path | str] = [uv.ensure_uv(report), *words, "--color", "never"]
    environment = uv.environment() | {"UV_PYTHON_DOWNLOADS": downloads}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"it did not end within {timeout_s:g} s"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", lines[-1] if lines else "it printed nothing")
