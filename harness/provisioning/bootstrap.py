"""Makes `.venv` for ./bench and ./test, which call `main`. Standard library only.

./bench needs the project and its dependencies, ./test the development tools as well. They share one environment, so
./bench adds and never removes; what either made is kept until the lock file changes.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from harness.problem import ExitCode, Problem, bisected
from harness.provisioning import uv
from harness.provisioning.folders import ROOT, exclusive
from harness.provisioning.progress import Lines, ProgressReport
from results.folder import write_whole

ARGUMENTS = {"bench": ("--no-dev", "--inexact"), "test": ()}


def stamp() -> bytes:
    """What the environment was made from; harness/bootstrap.sh compares the same bytes."""
    inputs = [ROOT / "uv.lock", ROOT / "pyproject.toml"]
    return f"{ROOT}\n".encode() + b"".join(path.read_bytes() for path in inputs)


def make(purpose: str, environment: Path, report: ProgressReport) -> None:
    """Bring `environment` to what `purpose` needs, unless it is there already. Raises Problem."""
    done = environment / f".made-for-{purpose}"
    with exclusive("venv", report):
        wanted = stamp()
        if done.exists() and done.read_bytes() == wanted and (environment / "bin" / "python").exists():
            return
        others = [path.read_bytes() for path in environment.glob(".made-for-*")]
        if any(other.partition(b"\n")[0] != wanted.partition(b"\n")[0] for other in others):
            shutil.rmtree(environment)  # The checkout was moved, and scripts in there name the old place.
        uv.sync(ARGUMENTS[purpose], environment, "the Python environment", report)
        for served in {"bench", purpose}:  # The tests' environment has all that ./bench needs.
            write_whole(environment / f".made-for-{served}", wanted)


def main(purpose: str, *command: str) -> int:
    """Make the environment for `purpose`, then become the command, where there is one. Else the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make(purpose, ROOT / ".venv", Lines())
    except Problem as problem:
        sys.stderr.write(f"{problem.text()}\n")
        return bisected(command[1:], problem.exit_code)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if command:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    return ExitCode.GOOD
