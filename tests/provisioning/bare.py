"""Stand-ins for what a machine may have: a JDK, uv, a Maven repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.provisioning import jars, system


class Told:
    """A report that remembers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.done: list[tuple[str, int, int]] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def progress(self, what: str, done: int, total: int) -> None:
        self.done.append((what, done, total))


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def jdk(home: Path, version: str, compiler: bool = True) -> Path:
    """A folder that looks and answers like a JDK."""
    script(home / "bin/java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")
    if compiler:
        script(home / "bin/javac", "exit 0")
    return home


def debian(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr(system, "has_apt", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: user)


def stand_in_uv(path: Path, calls: Path, version: str = "99.0.0", **instead: str) -> Path:
    """A uv that makes an environment of an empty file. instead: what it does at `pip sync`, `python find` and `python
    install`, in words of the shell.
    """
    make = 'mkdir -p "$6/bin" && touch "$6/bin/python"'
    answers = f"""[ "$1" = --version ] && {{ echo "uv {version}"; exit; }}
echo "$*" >> {calls}
[ "$1" != venv ] || {{ {make}; }}
case "$2" in
sync) {instead.get("sync", ":")} ;;
find) {instead.get("find", "exit 2")} ;;
install) {instead.get("install", "exit 1")} ;;
esac"""
    return script(path, answers)


CONTENT = {"org.example:one:1.0": b"one" * 1000, "org.example:two:2.0": b"two" * 500}


def locked(coordinate: str) -> jars.Jar:
    _, artifact, version = coordinate.split(":")
    content = CONTENT[coordinate]
    return jars.Jar(coordinate, f"{artifact}-{version}.jar", len(content), hashlib.sha256(content).hexdigest())


class Repository:
    """Stands in for Maven: serves CONTENT, or what `bad` has instead; `fetched` is what was asked for."""

    def __init__(self) -> None:
        self.bad: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.own = Path("/nowhere")

    def fetch(self, coordinate: str, scratch: Path, progress: Callable[[int], None]) -> Path:
        self.fetched.append(coordinate)
        content = self.bad.get(coordinate, CONTENT[coordinate])
        progress(len(content))
        path = scratch / "fetched.jar"
        path.write_bytes(content)
        return path

    def local_copy(self, coordinate: str) -> Path:
        return self.own / locked(coordinate).file
