"""uv: found on the PATH, or a private one, installed by pip as pip is set up here."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from harness.problem import Problem
from harness.provisioning import system
from harness.provisioning.folders import ROOT, exclusive, home
from harness.provisioning.progress import ProgressReport

VERSION = "0.13.9"
"""The private uv's."""
LOWEST = (0, 9)
"""One on the PATH may be any from this version on; pyproject.toml says the same (`required-version`)."""

_ERROR_LINES = 6
_OURS = ("VIRTUAL_ENV", "PYTHONPATH", "UV_FROZEN", "UV_LOCKED")
"""Of the caller's environment, what must not reach uv or the builds that it runs."""


def find_uv() -> Path | None:
    """STREAMGAUGE_UV, else a uv on the PATH that is new enough, else the private one, else None."""
    on_path = shutil.which("uv")
    for candidate in (os.environ.get("STREAMGAUGE_UV"), on_path, home() / "uv" / "bin" / "uv"):
        if candidate and _version(Path(candidate)) >= LOWEST:
            return Path(candidate)
    return None


def ensure_uv(report: ProgressReport) -> Path:
    """`find_uv`, else make the private one. Raises Problem with what to install."""
    found = find_uv()
    if found:
        return found
    with exclusive("uv", report):
        found = find_uv()
        if not found:
            report.step(f"installing uv {VERSION} into {home() / 'uv'} (no uv {_spell(LOWEST)} or newer on the PATH)")
            _make(home() / "uv", report)
            found = find_uv()
    if not found:
        raise Problem(
            "the private uv does not run", str(home() / "uv" / "bin" / "uv"), "install uv, or remove that folder"
        )
    return found


def sync(
    arguments: Sequence[str],
    environment: Path,
    what: str,
    report: ProgressReport,
    project: Path = ROOT,
    starter: Sequence[str] = (),
) -> None:
    """`uv sync --frozen ARGUMENTS` of a checkout into the folder `environment`, with this Python's version.

    starter: words of a command that becomes the one behind it. Raises Problem with uv's last lines.
    """
    report.step(f"making {what} in {environment}")
    words = ["sync", "--frozen", "--python", str(base_python()), *arguments]
    with _log(environment).open("w") as log:
        _logged(words, project, {"UV_PROJECT_ENVIRONMENT": str(environment)}, log, what, report, starter)


def make_locked(lock: Path, python: Path, environment: Path, what: str, report: ProgressReport) -> None:
    """Make the folder `environment` anew, with the interpreter `python` and the packages of a lock: a requirements file
    in which each has its version and hashes. What has another hash is refused.

    Raises Problem with uv's last lines.
    """
    report.step(f"making {what} in {environment}")
    environment.parent.mkdir(parents=True, exist_ok=True)
    # Not in the caller's folder, whose pyproject.toml uv would read.
    place = environment.parent
    with _log(environment).open("w") as log:
        _logged(
            ["venv", "--no-project", "--clear", "--python", str(python), str(environment)], place, {}, log, what, report
        )
        into = str(environment / "bin" / "python")
        _logged(["pip", "sync", "--require-hashes", "--python", into, str(lock)], place, {}, log, what, report)


def environment() -> dict[str, str]:
    """This process's environment, without what must not reach uv or the builds that it runs; it downloads no Python."""
    return {key: value for key, value in os.environ.items() if key not in _OURS} | {"UV_PYTHON_DOWNLOADS": "never"}


def base_python() -> Path:
    """The interpreter behind this one's virtual environment, so that a new one does not lean on ours."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


def _log(environment: Path) -> Path:
    log = home() / "logs" / f"uv-{environment.name.lstrip('.')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log


def _logged(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    log: TextIO,
    what: str,
    report: ProgressReport,
    starter: Sequence[str] = (),
) -> None:
    """Run uv in a folder, its words kept in `log` and told as they come. Raises Problem with the last of them."""
    with system.ended(
        subprocess.Popen(
            [*starter, str(ensure_uv(report)), *words, "--color", "never"],
            cwd=folder,
            env=environment() | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    ) as child:
        assert child.stderr is not None  # noqa: S101 - a pipe was asked for
        for line in child.stderr:
            log.write(line)
            if re.match(r"\s*(Downloading|Downloaded|Building|Built|Prepared|Installed) ", line):
                report.step(f"  {line.strip()}")
    if child.returncode:
        log.flush()
        lines = [line.strip() for line in Path(log.name).read_text().splitlines() if line.strip()]
        raise Problem(
            f"uv could not make {what}: {' '.join(lines[-_ERROR_LINES:]) or 'it printed nothing'}",
            log.name,
            "fix what it names (often the network or the disk) and repeat the command",
        )


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _spell(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _version(uv: Path) -> tuple[int, ...]:
    """What it says of itself; () for what does not run."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _numbers(said.stdout) if said.returncode == 0 else ()


def _make(folder: Path, report: ProgressReport) -> None:
    """Put uv into folder/bin/uv by venv and pip, else by the system's pip alone. Raises Problem."""
    lacking = _venv(folder)
    if lacking and _run([sys.executable, "-m", "pip", "--version"]) is None:
        _install([sys.executable, "-m", "pip", "install", "--target", folder])
        return
    package = f"python3.{sys.version_info.minor}-venv"
    if lacking and system.may_install():
        system.install_first([package, "python3-venv"], lacking, report)
        lacking = _venv(folder)
    if lacking:
        remedy = system.install_command(package) if system.has_apt() else "install uv, or Python's venv and pip"
        raise Problem(f"there is no uv, and no private one can be made: {lacking}", sys.executable, remedy)
    _install([folder / "bin" / "python", "-m", "pip", "install"])


def _venv(folder: Path) -> str | None:
    """Make a virtual environment with pip. None, or why there is none: Debian has ensurepip in a package of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    if importlib.util.find_spec("ensurepip") is None:
        return "this Python has no ensurepip"
    return _run([sys.executable, "-m", "venv", folder])


def _install(pip: Sequence[str | Path]) -> None:
    failure = _run([*pip, "--quiet", "--disable-pip-version-check", f"uv=={VERSION}"])
    if failure:
        raise Problem(
            f"pip could not install uv {VERSION}: {failure}",
            " ".join(str(word) for word in pip),
            "fix what it names (often the network, or pip's index and certificate settings), or install uv yourself",
        )


def _run(words: Sequence[str | Path]) -> str | None:
    """None where it went well, else the last line that was printed."""
    ended = subprocess.run(
        words,
        # Neither Python, nor one that it starts, looks for modules in the current folder, which is the user's.
        env=os.environ | {"PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode == 0:
        return None
    lines = [line.strip() for line in ended.stdout.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {ended.returncode}"
