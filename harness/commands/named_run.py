"""The run that a word of the command line names: a folder, the file of a result, `latest` or `DIR/latest`."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from harness.commands.invocation import again
from harness.problem import ExitCode, Problem

RUNS = Path("runs")
LATEST = "latest"


def path(run: str) -> Path:
    """A run's folder, or the file of a result. Raises Problem."""
    with suppress(OSError):  # Too long for a name.
        if Path(run).is_file():
            return Path(run)
    return folder(run)


def folder(run: str) -> Path:
    """The folder of a run by its path; for `latest` the newest in runs/, and for `DIR/latest` the newest in DIR, where
    `run --out DIR` made it. Raises Problem.
    """
    if _is_folder(run):
        return Path(run)
    remedy = f"Make one: {again('run', 'quick')}"
    if Path(run).name != LATEST:
        known = newest_first()
        nearest = f"The newest is {shlex.quote(str(known[0]))}" if known else remedy
        raise Problem("there is no such run", run, nearest, ExitCode.USAGE)
    within = RUNS if run == LATEST else Path(run).parent
    known = newest_first(within)
    if not known:
        raise Problem("there is no run yet", f"{within}/", remedy, ExitCode.USAGE)
    return known[0]


def newest_first(within: Path = RUNS) -> list[Path]:
    """The folders of the runs in a folder."""
    return [plan.parent for plan in sorted(within.glob("*/plan.json"), key=_begun, reverse=True)]


def _begun(plan: Path) -> tuple[str, int]:
    """What orders runs by their beginning: the second that a name begins with, and when the plan was written."""
    written_ns = plan.stat().st_mtime_ns
    # A folder that the user named (--out) tells no time.
    named = re.match(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?=_)", plan.parent.name)
    return named[0] if named else f"{datetime.fromtimestamp(written_ns / 1e9, UTC):%Y-%m-%dT%H-%M-%S}", written_ns


def _is_folder(run: str) -> bool:
    with suppress(OSError):  # Too long for a name.
        return Path(run).is_dir()
    return False
