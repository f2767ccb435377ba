"""Python as a library, which some engines load into processes of theirs. Debian has it in a package of its own."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from harness.problem import Problem
from harness.provisioning import system
from harness.provisioning.progress import ProgressReport

_FIND = "from find_libpython import find_libpython; print(find_libpython() or '')"
_VERSION = "import sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')"


def has_library(python: Path) -> bool:
    """Whether the environment's own `find_libpython` finds it: that is how those look for it who load it."""
    asked = subprocess.run([python, "-I", "-c", _FIND], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout.strip() != ""


def ensure_library(python: Path, report: ProgressReport) -> None:
    """Install it where it is lacking and we may. Without it, an engine says so where a query needs it."""
    if not has_library(python) and system.may_install():
        with suppress(Problem):
            # That of the environment, which need not be ours.
            version = subprocess.run([python, "-I", "-c", _VERSION], capture_output=True, text=True, check=False)
            packages = [f"libpython{version.stdout.strip()}{ending}" for ending in ("", "t64")]
            system.install_first(packages, "there is no Python as a library", report)
