"""One side of a gate: code that is recorded with, in processes of its own. This side's judge judges both."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from harness.gate import tether
from harness.host.checkout import CODE
from harness.host.interpreter import environment
from harness.problem import ExitCode, Problem
from harness.provisioning import uv
from harness.provisioning.folders import ROOT, exclusive, home
from harness.provisioning.progress import ProgressReport
from results.gate.gate_result import Side
from results.history import METHOD_VERSION

TRIAL_S = 3600.0
"""A trial ends itself long before this; so does bringing what an engine needs."""

_ENDS_S = 60.0
"""How long a trial may take to end all that it started."""

_PROBE = "import json; from results.history import METHOD_VERSION; print(json.dumps(METHOD_VERSION))"
_PROBE_S = 120.0
_LINES = 5
_SHARED = ("jars", "cache", "code", "uv", "locks")
"""What does not depend on a lock file, and is not brought twice."""


@dataclass(frozen=True)
class Unit:
    """What one process records: the cases of an engine with a workload."""

    engine: str
    workload: str


@dataclass(frozen=True)
class SideCode:
    """How to run one side."""

    name: Side
    """Which of the two it is."""
    python: Path
    """The interpreter of its environment."""
    folder: Path
    """Where its processes stand."""
    variables: Mapping[str, str]
    """What they have in their environment."""
    files: tuple[Path, ...] = ()
    """What they load that somebody may be working on."""

    def set_up(self, engines: Sequence[str]) -> None:
        """Bring what engines need, before the first trial. Raises Problem with what this side said."""
        done = _conducted(self._command("-m", "harness.cli", "setup", *engines), self, None, TRIAL_S)
        if done.code:
            what = f"the {self.name} lacks what its engines need: {done.last}"
            raise Problem(what, str(self.folder), "bring it (see `doctor`), and run the gate again")

    def method(self) -> int:
        """The method version of this side. Raises Problem where its code does not run."""
        done = _conducted(self._command("-c", _PROBE), self, None, _PROBE_S)
        with suppress(ValueError):
            found = json.loads(done.said)
            if done.code == 0 and isinstance(found, int):
                return found
        what = f"the code of the {self.name} does not run here: {done.last or 'it printed nothing'}"
        raise Problem(what, str(self.folder), "choose a revision that runs, with --baseline")

    def record(self, suite: Path, unit: Unit, log: str, words: Sequence[str], out: Path) -> Path:
        """Make one trial of a unit, and return the folder of its run. Raises Problem where there is none."""
        out.mkdir(parents=True)
        asked = ["-e", unit.engine, "-w", unit.workload, "--log", log, "--out", str(out), "--format", "json"]
        words = ["run", str(suite), *asked, "--no-progress", *(part for word in words for part in ("--set", word))]
        done = _conducted(self._command("-m", "harness.cli", *words), self, out, TRIAL_S)
        folders = [path.parent for path in out.glob("*/plan.json")]
        if len(folders) == 1 and done.code not in (ExitCode.USAGE, ExitCode.INTERRUPTED):
            return folders[0]
        what = f"the {self.name} made no trial of {unit.engine} with {unit.workload}: {done.last or 'it said nothing'}"
        known = done.code in (ExitCode.USAGE, ExitCode.ENVIRONMENT)
        remedy = "choose a revision that can run the suite, with --baseline" if self.name == "baseline" else "fix it"
        raise Problem(what, str(self.folder), remedy, ExitCode.ENVIRONMENT if known else ExitCode.UNFINISHED)

    def _command(self, *words: str) -> list[str]:
        return [str(self.python), "-P", *words]


@dataclass(frozen=True)
class _Done:
    """How a process ended. last: the last lines that it said on standard error, in one."""

    code: int
    said: str
    last: str


def _conducted(command: Sequence[str], side: SideCode, out: Path | None, timeout_s: float) -> _Done:
    """Run a command of a side to its end. However we end, it does: it is asked first, and then killed.

    out: where what it says is kept; None to keep nothing.
    """
    tied = [*_tied(), *command]
    # A session of its own: Ctrl-C reaches it through us alone, once.
    child = subprocess.Popen(
        tied,
        cwd=side.folder,
        env=dict(side.variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said, told = child.communicate(timeout=timeout_s)
    except BaseException as error:
        _end(child)
        if isinstance(error, subprocess.TimeoutExpired):
            return _Done(ExitCode.UNFINISHED, "", f"it did not end within {timeout_s:g} s")
        raise
    if out is not None:
        (out / "stderr.log").write_bytes(told)
    lines = [line.strip() for line in told.decode(errors="replace").splitlines() if line.strip()]
    return _Done(child.returncode, said.decode(errors="replace"), " | ".join(lines[-_LINES:]))


def _tied() -> list[str]:
    """What becomes the command behind it, and ends when we are killed."""
    return [sys.executable, "-P", str(Path(tether.__file__)), str(os.getpid())]


def _end(child: subprocess.Popen[bytes]) -> None:
    """As by Ctrl-C, so that it ends what it started; its pipes are read on meanwhile, so that it can."""
    child.send_signal(signal.SIGTERM)
    try:
        child.communicate(timeout=_ENDS_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def candidate(folder: Path, paths: Sequence[Path] = (), files: Sequence[Path] = ()) -> SideCode:
    """The code that runs now. folder: where its processes stand. paths: more folders of modules, behind ours. files:
    what is loaded from these.
    """
    own = (*(ROOT / name for name in CODE), *files)
    return SideCode("candidate", Path(sys.executable), folder, _variables([ROOT, *paths], home()), own)


def of_ours(root: Path, report: ProgressReport) -> SideCode:
    """A checkout of ours at another revision, with an environment for its lock file. Raises Problem."""
    lock = _digest(root)
    if lock == _digest(ROOT):
        python, own_home = Path(sys.executable), home()
    else:
        python, own_home = _environment(root, lock, report), _locked_home(lock)
    _name(root)
    return SideCode("baseline", python, root, _variables([root], own_home))


def of_others(checkout: Path, paths: Sequence[Path]) -> SideCode:
    """Our code, with a package of somebody else's at another revision. paths: folders of its modules, in it."""
    return SideCode("baseline", Path(sys.executable), checkout, _variables([ROOT, *paths], home()))


def same_method(side: SideCode) -> None:
    """Raises Problem where a side measures by another version of the method."""
    if (found := side.method()) != METHOD_VERSION:
        what = f"the {side.name} measures by method version {found}, and this code by {METHOD_VERSION}"
        remedy = "Results of different versions are not compared: choose a later revision with --baseline"
        raise Problem(what, str(side.folder), remedy)


def compiled(side: SideCode) -> None:
    """Have Python compile all modules of a fresh checkout now, and not in its first trial."""
    folders = [str(side.folder / name) for name in CODE]
    _conducted([str(side.python), "-P", "-m", "compileall", "-q", *folders], side, None, _PROBE_S)


def _variables(paths: Sequence[Path], own_home: Path) -> dict[str, str]:
    """The environment of a side's processes: its modules before all others, jars and caches from one place."""
    inherited = environment()
    named = [*(str(path) for path in paths), *filter(None, inherited.get("PYTHONPATH", "").split(os.pathsep))]
    return inherited | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(named)),
        "STREAMGAUGE_HOME": str(own_home),
    }


def _digest(root: Path) -> str:
    """Of the lock file of a checkout. Raises Problem where it has none."""
    try:
        return hashlib.sha256((root / "uv.lock").read_bytes()).hexdigest()[:16]
    except OSError as error:
        what = f"its environment is made from a lock file, which cannot be read: {error.strerror}"
        raise Problem(what, str(root / "uv.lock"), "choose another revision with --baseline") from error


def _environment(root: Path, lock: str, report: ProgressReport) -> Path:
    """The interpreter of an environment with what the harness at a revision needs; kept for other revisions with the
    same lock file. Raises Problem.
    """
    made = home() / "envs" / f"harness-{lock}"
    done = made / ".made"
    if not done.exists():
        with exclusive(f"env-{made.name}", report):
            if not done.exists():
                words = ["--no-dev", "--no-install-project"]
                uv.sync(words, made, "the environment of the baseline", report, root, _tied())
                done.touch()
    return made / "bin" / "python"


def _locked_home(lock: str) -> Path:
    """A STREAMGAUGE_HOME for a lock file: engines' environments of its own, jars and caches those of all."""
    own_home = home() / "locked" / lock
    own_home.mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        (home() / name).mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            (own_home / name).symlink_to(home() / name)
    return own_home


def _name(root: Path) -> None:
    """Let Python find in a checkout what its package is called, which an installation would have written."""
    about = root / "streamgauge.egg-info"
    about.mkdir(exist_ok=True)
    (about / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: streamgauge\nVersion: {version('streamgauge')}\n")
