"""A repository to stand in, and sides without processes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from harness.gate import gate_run, repository, session, side
from harness.gate.repository import git
from harness.gate.side import SideCode
from harness.problem import Problem
from tests.gate.made_up_sides import MadeUp
from tests.gate.test_repository import commit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is taken for ours, with two revisions, in which one stands."""
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in (repository.PULL_REQUEST, "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    shutil.copy(ROOT / "uv.lock", folder)
    (folder / ".gitignore").write_text("runs\n*.egg-info\n")
    git(folder, "add", "uv.lock", ".gitignore")
    commit(folder, "one")
    commit(folder, "two")
    monkeypatch.setattr(repository, "ROOT", folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    found = MadeUp()

    def set_up(code: SideCode, _names: object) -> None:
        if found.lacking:
            raise Problem(f"the {code.name} lacks {found.lacking}")

    monkeypatch.setattr(SideCode, "record", lambda self, *words: found.record(self, *words))
    monkeypatch.setattr(SideCode, "set_up", set_up)
    monkeypatch.setattr(SideCode, "method", lambda _: found.method)
    monkeypatch.setattr(side, "compiled", lambda _: None)
    monkeypatch.setattr(gate_run, "judge_run", found.judged)
    monkeypatch.setattr(session.ControlRun, "__init__", lambda _: None)
    monkeypatch.setattr(session.ControlRun, "seconds", lambda _: 0.3)
    return found
