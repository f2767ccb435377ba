"""Python as a library, which some engines load into processes of theirs. Debian has it in a package of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from harness.problem import Problem
from harness.provisioning import system
from harness.provisioning.progress import Report

_FIND = "from find_libpython import find_libpython; print(find_libpython() or '')"
_PACKAGES = tuple(f"libpython3.{sys.version_info.minor}{ending}" for ending in ("", "t64"))


def has_library(python: Path) -> bool:
    """Whether the environment's own `find_libpython` finds it: that is how those look for it who load it."""
    asked = subprocess.run([python, "-I", "-c", _FIND], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() != ""


def ensure_library(python: Path, report: Report) -> None:
    """Install it where it is lacking and we may. Without it, an engine says so where a query needs it."""
    if not has_library(python) and system.may_install():
        with suppress(Problem):
            system.install_first(_PACKAGES, "there is no Python as a library", report)
