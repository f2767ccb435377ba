"""The state of our own code: which commit is checked out, and whether files differ from it."""

from __future__ import annotations

import os
import subprocess
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from results.plan import Checkout

CODE = ("workloads", "engines", "harness", "results", "reports")
"""Where a file that git does not know changes what runs: there things are found by their existence."""

_GIT_S = 20.0
_SETTINGS = ("-c", "core.fsmonitor=false", "-c", "safe.directory=*")
"""No process of git's stays, and whose folder it is does not matter: its code runs already."""


@lru_cache
def checkout(root: Path) -> Checkout | None:
    """The state of the checkout whose top folder is `root`, as it was when this was first asked.

    None where root is no such folder, for instance in an installed package, which may lie within a checkout of somebody
    else's; and where git is not there or cannot tell.
    """
    if not (root / ".git").exists():
        return None
    try:
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        added = _git(root, "ls-files", "--others", "--exclude-standard", "--", *CODE)
        return Checkout(commit=_git(root, "rev-parse", "--verify", "HEAD"), dirty=bool(changed or added))
    except (OSError, subprocess.SubprocessError, ValidationError):
        return None


def _git(root: Path, *words: str) -> str:
    """What git prints. Raises OSError and SubprocessError."""
    # A hook, or `git bisect run`, names its own repository in the environment.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(root), *_SETTINGS, *words],
        env=own | {"GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_GIT_S,
        check=True,
    )
    return done.stdout.strip()
