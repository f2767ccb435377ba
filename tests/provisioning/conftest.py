"""A machine with nothing on it, a project, and a repository of jars."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from harness.provisioning import jars, locks, maven, system
from tests.provisioning.bare import CONTENT, Repository, locked, stand_in_uv


@pytest.fixture
def caller() -> dict[str, str]:
    """The environment as it was before there was a bare machine."""
    return dict(os.environ)


@pytest.fixture(autouse=True)
def bare_machine(caller: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Java, no uv, no apt, an empty home; answers the folder that is the PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "mkdir", "touch", "ln"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    for name in ("JAVA_HOME", "STREAMGAUGE_UV", system.NO_INSTALL):
        monkeypatch.delenv(name, raising=False)
    return tools


@pytest.fixture
def project(tmp_path: Path, bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of locks that we may change, and a stand-in for uv on the PATH; calls are in `calls`."""
    root = tmp_path / "locks"
    root.mkdir()
    for group in ("client", "flink"):
        (root / f"{group}.txt").write_text("one")
    monkeypatch.setattr(locks, "LOCKS", root)
    stand_in_uv(bare_machine / "uv", tmp_path / "calls")
    return root


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository, and a lock with the one set `example` of two jars."""
    served = Repository()
    monkeypatch.setattr(maven, "fetch", served.fetch)
    monkeypatch.setattr(maven, "local_copy", served.local_copy)
    monkeypatch.setattr(jars, "read_lock", lambda: {"example": tuple(locked(coordinate) for coordinate in CONTENT)})
    return served
