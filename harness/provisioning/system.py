"""Packages of the operating system: installed where we may (root on Debian or Ubuntu), else named."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.problem import Problem
from harness.provisioning.folders import home
from harness.provisioning.progress import ProgressReport

NO_INSTALL = "STREAMGAUGE_NO_INSTALL"
_TIMEOUT_S = 900.0


def has_apt() -> bool:
    """Whether this is Debian, Ubuntu or one of their kin."""
    return shutil.which("apt-get") is not None and Path("/etc/debian_version").exists()


def may_install() -> bool:
    """Whether packages may be installed here without asking: root, apt, and not forbidden by STREAMGAUGE_NO_INSTALL."""
    return os.geteuid() == 0 and has_apt() and os.environ.get(NO_INSTALL, "") in ("", "0")


def install_command(package: str) -> str:
    """What a person types to install a package with apt."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {package}"


def install_first(packages: Sequence[str], why: str, report: ProgressReport) -> None:
    """Install the first of `packages` that this system has; the package lists are fetched where they are missing.

    Raises Problem if none can be installed. Call only where `may_install`.
    """
    log = home() / "logs" / "apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    for updated in (False, True):
        if updated:
            _apt(["update"], log)
        for package in packages:
            report.step(f"installing {package} with apt-get ({why}; {NO_INSTALL}=1 forbids it)")
            if _apt(["install", "--yes", "--no-install-recommends", package], log) == 0:
                return
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    raise Problem(
        f"apt-get could not install {packages[0]}: {''.join(last) or 'it printed nothing'}",
        str(log),
        install_command(packages[0]),
    )


@contextmanager
def ended(child: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The child is gone at the end: asked to end, and waited for, where we are interrupted."""
    try:
        yield child
    except BaseException:
        child.terminate()
        raise
    finally:
        child.wait()
        if child.stderr:
            child.stderr.close()


def _apt(words: Sequence[str], log: Path) -> int:
    with (
        log.open("ab") as out,
        ended(
            subprocess.Popen(
                ["apt-get", "-o", "DPkg::Lock::Timeout=120", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
                text=True,
            )
        ) as child,
    ):
        try:
            return child.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            out.write(f"apt-get {words[0]} did not end within {_TIMEOUT_S:g} s\n".encode())
            child.terminate()
            return -1
