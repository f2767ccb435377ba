"""The JDK: found by JAVA_HOME or the PATH, or installed where we may."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.problem import Problem
from harness.provisioning import system
from harness.provisioning.progress import ProgressReport

PREFERRED = 17
"""What we install: the oldest that every engine takes, and the one that all were tried with."""

_PACKAGES = {17: "openjdk-17-jdk-headless", 21: "openjdk-21-jdk-headless"}
_VERSION = re.compile(r'version "((?:1\.)?(\d+)[^"]*)"')


@dataclass(frozen=True)
class Java:
    """A JDK: home holds bin/java and bin/javac; version as it says of itself, feature its first number (17)."""

    home: Path
    version: str
    feature: int


def find_java(minimum: int) -> Java:
    """The JDK of JAVA_HOME, else of the PATH, whichever first has the feature version `minimum` or newer.

    Raises Problem: there is none, it is too old, it has no compiler, or it does not run.
    """
    first: Problem | None = None
    for home, origin in _candidates():
        try:
            return _examine(home, origin, minimum)
        except Problem as problem:
            first = first or problem
    raise first or Problem(
        f"there is no Java (a JDK {minimum} or newer is needed)",
        "JAVA_HOME is not set, and no java is on the PATH",
        remedy(minimum),
    )


def ensure_java(minimum: int, report: ProgressReport) -> Java:
    """`find_java`, after installing a JDK where none is fit and we may install. Raises Problem."""
    try:
        return find_java(minimum)
    except Problem as problem:
        if not system.may_install():
            raise
        packages = [name for feature, name in _PACKAGES.items() if feature >= minimum]
        system.install_first(packages, problem.what, report)
    return find_java(minimum)


def remedy(minimum: int) -> str:
    """What to do to have a JDK `minimum` here: a command where we know one."""
    if system.has_apt():
        package = next(
            (name for feature, name in _PACKAGES.items() if feature >= minimum), f"openjdk-{minimum}-jdk-headless"
        )
        return system.install_command(package)
    return f"install a JDK {max(minimum, PREFERRED)} and set JAVA_HOME to its folder, or put its bin on the PATH"


def _candidates() -> list[tuple[Path, str]]:
    """Homes to look at, with where each was named."""
    found = []
    named = os.environ.get("JAVA_HOME")
    if named:
        found.append((Path(named), f"JAVA_HOME={named}"))
    on_path = shutil.which("javac") or shutil.which("java")
    if on_path:
        found.append((Path(on_path).resolve().parents[1], f"{on_path} on the PATH"))
    return found


def _examine(home: Path, origin: str, minimum: int) -> Java:
    java = home / "bin" / "java"
    if not os.access(java, os.X_OK):
        raise Problem(f"there is no Java in {home}", origin, remedy(minimum))
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
        text = said.stderr + said.stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        text = str(error)
    found = _VERSION.search(text)
    if not found:
        line = next(iter(text.strip().splitlines()), "it printed nothing")
        raise Problem(f"{java} does not tell its version: {line}", origin, remedy(minimum))
    version, feature = found[1], int(found[2])
    if feature < minimum:
        raise Problem(f"Java {version} is too old: a JDK {minimum} or newer is needed", origin, remedy(minimum))
    if not os.access(home / "bin" / "javac", os.X_OK):
        raise Problem(
            f"Java {version} has no compiler (javac): it is a JRE, and a JDK is needed", origin, remedy(minimum)
        )
    return Java(home, version, feature)
