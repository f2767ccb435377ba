"""The command `streamgauge`, and its runs as pandas data frames, for notebooks: `run = streamgauge.load("latest")`.

The one module of Streamgauge that is imported into a process of yours. It imports nothing else of it: it runs the
command in a process of its own, and reads what that exports.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pandas import DataFrame

COMMAND = "STREAMGAUGE_COMMAND"
"""The environment variable that names another command than that of this Python's environment."""

_TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(143)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.stderr.write(f"{sys.argv[2]} cannot be started: {error.strerror}\\n")
    sys.exit(127)
"""
"""Becomes a command that is asked to end (SIGTERM) when the process that started it is gone, also by SIGKILL. 1 is
PR_SET_PDEATHSIG."""


_HARNESS = ("-E", "-P", "-m", "harness.cli")
"""Without the current folder and PYTHONPATH: a `results` or `reports` of yours is not ours. What the user installed for
himself alone is still found, as with -I it would not be."""


_CALLED = "STREAMGAUGE_CALLED"
"""Tells the harness what the user typed, unless a script before us has told it."""


def main() -> NoReturn:
    """Becomes the harness, with the words of the command line."""
    own = Path(sys.argv[0])
    on_path = shutil.which(own.name)
    same = on_path is not None and Path(on_path).absolute() == own.absolute()
    os.environ.setdefault(_CALLED, own.name if same else str(own))
    os.execv(sys.executable, [sys.executable, *_HARNESS, *sys.argv[1:]])  # noqa: S606 - no shell is wanted


class LoadFailed(RuntimeError):
    """A run that cannot be loaded; the text is what the command said."""


@dataclass(frozen=True)
class Run:
    """A judged run. Every frame begins with the columns that say of which case a row is: `trial` and `phase` name one.

    Times count in seconds from the beginning of a trial's paced phase; latencies are in seconds.
    """

    name: str
    """Name of the run's folder."""
    suite: str
    """Name of the suite."""
    method_version: int
    """Version of METHOD.md by which it was judged: figures of different versions are not compared."""
    machine: dict[str, Any] | None
    """What it ran on; None if nothing ran."""
    cases: DataFrame
    """A row for each case and kind of phase: its outcome, the reason, rows by count, claimed and seen guarantees."""
    metrics: DataFrame
    """A row for each metric of a case: value, unit, and why it stands in brackets (`in_brackets`) or is `absent`."""
    series: DataFrame
    """Points of time series and curves, by the name in `series`."""
    strikes: DataFrame
    """A row for each strike."""
    probes: DataFrame
    """A row for each rate that was tried, where the largest that lasts was searched."""
    thresholds: DataFrame
    """A row for each threshold of the suite in each case that it is asked of: `crossed`, `met` or `undecided`."""
    rows: DataFrame
    """A row for each result that latency counts; `latency_s` is NaN where it never could be read."""
    samples: DataFrame
    """CPU and memory of every process, ten times a second."""
    lacking: list[str]
    """What could not be told of a trial, and why, each in a line; such as rows where its history is not there."""

    def __repr__(self) -> str:
        lacking = f", {len(self.lacking)} lacking" if self.lacking else ""
        return f"<run {self.name}: {len(self.cases)} cases, {len(self.rows)} rows with latency{lacking}>"


def load(run: str | os.PathLike[str] = "latest", *, timeout_s: float = 3600) -> Run:
    """The run in this folder, or the newest in runs/ of the current folder for `latest`; or a result.json, also packed
    by xz, which has no rows and no samples.

    Where it was not judged yet, it is judged. Raises LoadFailed where it cannot be read or that takes longer than
    timeout_s seconds, and ImportError without pandas.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("data frames need pandas: pip install 'streamgauge[pandas]'") from error
    with tempfile.TemporaryDirectory(prefix="streamgauge-") as folder:
        _export([*_command(), "export", os.fspath(run), "--to", "parquet", "-o", folder], timeout_s)
        about = json.loads(Path(folder, "run.json").read_text(encoding="utf-8"))
        # With the file read whole, nothing of the folder is needed afterwards.
        frames = {name: pandas.read_parquet(Path(folder, f"{name}.parquet")) for name in about["tables"]}
    return Run(
        name=about["run"],
        suite=about["suite"],
        method_version=about["method_version"],
        machine=about["machine"],
        lacking=about["lacking"],
        **frames,
    )


def _command() -> list[str]:
    """That of the Streamgauge that this module came with, unless another one is named. Raises LoadFailed."""
    try:
        named = shlex.split(os.environ.get(COMMAND, ""))
    except ValueError as error:
        raise LoadFailed(f"{COMMAND} is no command line: {error}") from error
    return named or [sys.executable, *_HARNESS]


def _export(command: Sequence[str], timeout_s: float) -> None:
    """Raises LoadFailed."""
    # A notebook that is restarted leaves nothing behind that still judges.
    tied = [sys.executable, "-I", "-c", _TIED, str(os.getpid()), *command]
    try:
        done = subprocess.run(tied, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(f"the run was not judged within {timeout_s:g} s; more are given by timeout_s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise LoadFailed(said or f"{shlex.join(command)} ended with exit code {done.returncode}")
