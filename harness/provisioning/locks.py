"""Locks of the engines' Python environments: files locks/GROUP.txt, with every package's version and hashes.

They are exported from uv.lock in a checkout, and are what every installation uses, a checkout too:

    python -m harness.provisioning.locks lock
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from harness.problem import ExitCode, Problem
from harness.provisioning.folders import ROOT
from harness.provisioning.progress import Lines
from harness.provisioning.uv import ensure_uv
from results.folder import write_whole

LOCKS = Path(__file__).with_name("locks")
RELOCK = "python -m harness.provisioning.locks lock"

_HEAD = f"# Made from uv.lock by `{RELOCK}`.\n"
_EXPORT = ("export", "--frozen", "--offline", "--quiet", "--no-emit-project", "--no-header", "--no-annotate")
_NO_ENVIRONMENT = "dev"
"""The dependency group of who works on Streamgauge, which no engine runs in."""


def lock_of(group: str) -> Path:
    """The lock of a dependency group of ours, whether it is there or not."""
    return LOCKS / f"{group}.txt"


def groups(project: Path = ROOT) -> list[str]:
    """The dependency groups of a checkout that engines run in."""
    named = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [group for group in named if group != _NO_ENVIRONMENT]


def exported(group: str, uv: Path, project: Path = ROOT) -> str:
    """The text of a group's lock, as the checkout's uv.lock has it; needs no network. Raises Problem."""
    words: list[Path | str] = [uv, *_EXPORT, "--format", "requirements-txt", "--only-group", group]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = " ".join(done.stderr.split())
        raise Problem(f"the lock of {group} cannot be exported: {why}", str(project / "uv.lock"), "make it: uv lock")
    return _HEAD + done.stdout


def main() -> int:
    """Write the locks of a checkout anew. The exit code; what went wrong is printed."""
    if sys.argv[1:] != ["lock"]:
        sys.stderr.write(f"usage: {RELOCK}\n")
        return ExitCode.USAGE
    try:
        uv = ensure_uv(Lines())
        for group in groups():
            write_whole(lock_of(group), exported(group, uv).encode())
    except Problem as problem:
        sys.stderr.write(f"{problem.text()}\n")
        return problem.exit_code
    return ExitCode.GOOD


if __name__ == "__main__":
    sys.exit(main())
