"""Which revision a gate compares with, and that its worktree is gone afterwards, however the gate ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.gate import repository, worktree
from harness.gate.repository import Repository, chosen, git, here
from harness.host.checkout import checkout
from harness.problem import Problem
from harness.provisioning.code_folder import code_folder
from tests.waiting import wait_until

NAMED = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's settings nor its pull request."""
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv(repository.PULL_REQUEST, raising=False)


@pytest.fixture
def top(tmp_path: Path) -> Repository:
    """main: one, two; the branch `mine` left main after one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one")
    git(folder, "branch", "mine")
    commit(folder, "two")
    return Repository(folder)


def commit(folder: Path, word: str) -> str:
    (folder / "file").write_text(word)
    git(folder, "add", "file")
    git(folder, *NAMED, "commit", "-q", "-m", word)
    return git(folder, "rev-parse", "HEAD")


def word_of(top: Repository, revision: str | None) -> str:
    assert revision is not None
    return git(top.top, "show", f"{revision}:file")


def on_mine(top: Repository) -> None:
    git(top.top, "checkout", "-q", "mine")
    commit(top.top, "three")


def named(top: Repository, asked: str | None) -> str | None:
    found = chosen(top, asked)
    return word_of(top, found.commit) if found else None


def test_a_revision_that_is_named_is_that_one(top: Repository) -> None:
    on_mine(top)
    assert [named(top, asked) for asked in ("HEAD", "HEAD~1", "main", "main~1")] == ["three", "one", "two", "one"]


def test_where_none_is_named_it_is_where_the_branch_began(top: Repository) -> None:
    on_mine(top)
    assert named(top, None) == "one"


def test_in_a_pull_request_it_is_the_merge_base_whatever_is_named(
    top: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_mine(top)
    monkeypatch.setenv(repository.PULL_REQUEST, "main")
    assert [named(top, asked) for asked in (None, "main")] == ["one", "one"]
    assert named(top, "HEAD~1") == "one"


def test_on_the_default_branch_itself_it_is_the_commit_before(top: Repository) -> None:
    assert named(top, None) == "one"
    (top.top / "file").write_text("not committed")
    assert named(top, None) == "two", "the change that is not committed is the candidate's"


def test_code_of_ours_that_git_does_not_know_is_a_change_and_other_files_are_none(
    top: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "ROOT", top.top)
    for name, dirty, baseline in (("notes.txt", False, "one"), ("engines/mine.py", True, "two")):
        checkout.cache_clear()
        (top.top / name).parent.mkdir(exist_ok=True)
        (top.top / name).write_text("")
        assert (top.dirty(), named(top, None)) == (dirty, baseline)


def test_no_monitor_of_the_repository_is_started(top: Repository) -> None:
    monitor = top.top / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {top.top}/ran\n")
    monitor.chmod(0o755)
    git(top.top, "config", "core.fsmonitor", str(monitor))
    top.dirty()
    assert not (top.top / "ran").exists()


@pytest.mark.parametrize("asked", ["nothing", "", "--all", "-h", "main:file", "HEAD^{tree}", "a b", "\x00a", "HEAD~99"])
def test_what_is_no_revision_is_none(top: Repository, asked: str) -> None:
    assert named(top, asked) is None if asked else True
    assert "--allow-missing-baseline" in repository.lacking(asked).remedy


def test_without_a_common_ancestor_there_is_no_baseline(top: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    git(top.top, "checkout", "-q", "--orphan", "other")
    commit(top.top, "elsewhere")
    monkeypatch.setenv(repository.PULL_REQUEST, "main")
    assert named(top, None) is None


def test_the_repository_is_found_from_a_folder_in_it_and_not_outside(top: Repository, tmp_path: Path) -> None:
    inside = top.top / "a" / "b"
    inside.mkdir(parents=True)
    assert here(inside) == Repository(top.top.resolve())
    outside = tmp_path / "outside"
    outside.mkdir()
    assert here(outside) is None
    assert not top.is_ours and not top.is_another_checkout


def test_a_hook_that_calls_us_does_not_lead_us_to_its_repository(
    top: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert here(top.top) == Repository(top.top.resolve())


def left(top: Repository) -> list[str]:
    return [
        line for line in git(top.top, "worktree", "list", "--porcelain").splitlines() if line.startswith("worktree")
    ]


def test_a_worktree_holds_the_revision_and_is_gone_afterwards(top: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_ = top.commit("main~1")
    assert commit_ is not None
    with worktree.checked_out(top, commit_) as folder:
        others = code_folder()
        monkeypatch.setattr("harness.provisioning.code_folder.ROOT", folder)
        assert code_folder().exists(), "as the baseline makes it"
        assert (folder / "file").read_text() == "one"
        assert len(left(top)) == 2
        assert worktree.remove_left() == 0, "it is in use"
        assert folder.is_dir()
    assert not folder.exists() and len(left(top)) == 1
    assert list(worktree.folder().iterdir()) == []
    assert list(others.parent.iterdir()) == [others], "what engines imported of it is gone, and nothing else"


def test_a_worktree_is_gone_after_an_error_too(top: Repository) -> None:
    commit_ = top.commit("main")
    assert commit_ is not None
    with pytest.raises(KeyboardInterrupt), worktree.checked_out(top, commit_) as folder:
        raise KeyboardInterrupt
    assert not folder.exists() and len(left(top)) == 1


def test_what_cannot_be_checked_out_is_said(top: Repository) -> None:
    with pytest.raises(Problem, match="cannot be checked out"), worktree.checked_out(top, "0" * 40):
        pass
    assert list(worktree.folder().iterdir()) == []


def test_a_home_in_which_nothing_can_be_made_is_said(top: Repository, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(Problem, match="cannot be checked out"), worktree.checked_out(top, "HEAD"):
        pass


def test_without_git_there_is_no_repository(top: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert here(top.top) is None


def test_no_hook_of_the_repository_runs(top: Repository) -> None:
    hook = top.top / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {top.top}/ran\n")
    hook.chmod(0o755)
    commit_ = top.commit("main~1")
    assert commit_ is not None
    with worktree.checked_out(top, commit_):
        pass
    assert not (top.top / "ran").exists()


def test_the_next_gate_removes_what_a_killed_one_left(top: Repository) -> None:
    commit_ = top.commit("main~1")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom harness.gate.repository import Repository\n"
        "from harness.gate.worktree import checked_out\n"
        f"with checked_out(Repository(Path({str(top.top)!r})), {commit_!r}) as folder:\n"
        "    print(folder, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        folder = Path(child.stdout.readline().strip())
        assert folder.is_dir()
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    assert folder.is_dir() and len(left(top)) == 2
    assert worktree.remove_left() == 1
    assert not folder.exists() and len(left(top)) == 1
    assert list(worktree.folder().iterdir()) == []


def test_a_worktree_whose_repository_is_gone_is_removed_too(top: Repository, tmp_path: Path) -> None:
    folder = worktree.folder() / "0123-ab"
    folder.mkdir(parents=True)
    folder.with_name("0123-ab.lock").write_bytes(os.fsencode(tmp_path / "gone"))
    assert worktree.remove_left() == 1
    assert list(worktree.folder().iterdir()) == []


def test_a_tethered_command_ends_when_whoever_started_it_is_killed() -> None:
    tether = Path(repository.__file__).with_name("tether.py")
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, {str(tether)!r}, str(os.getpid()), sys.executable, '-c', "
        "'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        wait_until(lambda: b"sleep" in _words(pid) and b"tether" not in _words(pid), awaited="it to become the command")
        starter.send_signal(signal.SIGKILL)
        starter.wait(30)
    wait_until(lambda: not _words(pid), awaited="it to end with whoever started it")


def _words(pid: int) -> bytes:
    """The command line of a process; empty where it is gone or dead."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
