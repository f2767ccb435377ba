"""The Git repository that one stands in, and the revision that a gate compares with. Only asks; changes nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.host.checkout import checkout
from harness.problem import ExitCode, Problem
from harness.provisioning.folders import ROOT

GIT_S = 300.0
"""No call of git takes longer; a checkout of a large repository may take minutes."""

PULL_REQUEST = "GITHUB_BASE_REF"
"""The variable in which a pull request's workflow says which branch it is for; empty elsewhere."""

_DEFAULTS = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""What Git tells its hooks: it would lead our calls to the hook's repository, whatever folder they are for."""


class GitRefused(Exception):
    """What git said as it ended with an error."""


def git(folder: Path, *words: str) -> str:
    """What a call of git in a folder prints. Raises GitRefused."""
    env = {name: value for name, value in os.environ.items() if name not in _INHERITED}
    # Nothing of the repository runs because of us: no hook after a checkout. And no process of git's stays.
    settings = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]
    command = ["git", *settings, "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command,
            env=env | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_S,
            check=False,
        )
    except FileNotFoundError:
        raise GitRefused("there is no git on the PATH") from None
    except ValueError as error:  # A name that no command line can have.
        raise GitRefused(str(error)) from error
    except subprocess.TimeoutExpired:
        raise GitRefused(f"git {words[0]} did not end within {GIT_S:g} s") from None
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitRefused(told[-1] if told else f"git {words[0]} ended with {done.returncode}")
    return done.stdout.decode(errors="surrogateescape").strip()


@dataclass(frozen=True)
class Repository:
    """top: its working tree."""

    top: Path

    @property
    def is_ours(self) -> bool:
        """Whether it is the checkout of Streamgauge that runs: then each side runs its own."""
        return self.top.resolve() == ROOT.resolve()

    @property
    def is_another_checkout(self) -> bool:
        """Whether it is a checkout of Streamgauge, and not the one that runs."""
        return not self.is_ours and all((self.top / "harness" / name).is_file() for name in ("cli.py", "trial.py"))

    def commit(self, revision: str) -> str | None:
        """The full hash of a revision's commit; None where there is none."""
        try:
            return git(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except GitRefused:
            return None

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits; None where there is none, or not in a shallow clone."""
        try:
            return git(self.top, "merge-base", one, other) or None
        except GitRefused:
            return None

    def dirty(self) -> bool:
        """Whether files that git knows differ from HEAD; of ours also whether it has code that git does not know."""
        if self.is_ours:
            found = checkout(self.top)
            return found is not None and found.dirty
        try:
            return bool(git(self.top, "status", "--porcelain", "--untracked-files=no"))
        except GitRefused:
            return False


def here(folder: Path) -> Repository | None:
    """The repository that a folder is in, or None."""
    try:
        return Repository(Path(git(folder, "rev-parse", "--show-toplevel")))
    except GitRefused:
        return None


@dataclass(frozen=True)
class Baseline:
    """A revision that was asked for. said: how it came to be this one, in words."""

    commit: str
    said: str


def chosen(repository: Repository, asked: str | None) -> Baseline | None:
    """The revision to compare with; None where it does not exist.

    asked: what the user named. In a pull request, and where nothing is named, it is the merge base of HEAD and that
    revision, or the branch that the pull request is for, or the default branch. What others changed meanwhile is not
    this change's. On that branch itself, without a change that is not committed, it is the commit before.
    """
    head = repository.commit("HEAD")
    if head is None:
        return None
    request = os.environ.get(PULL_REQUEST, "")
    if asked is not None and not request:
        commit = repository.commit(asked)
        return Baseline(commit, asked) if commit else None
    branch = asked or _branch(repository, request)
    commit = repository.commit(branch) if branch else None
    base = repository.merge_base(commit, head) if commit else None
    if base is None:
        return None
    if base == head and asked is None and not repository.dirty():
        before = repository.commit("HEAD~1")
        return Baseline(before, "HEAD~1") if before else None
    return Baseline(base, f"merge base with {branch}")


def _branch(repository: Repository, request: str) -> str | None:
    wanted = (f"origin/{request}", request) if request else _DEFAULTS
    return next((name for name in wanted if repository.commit(name)), None)


def lacking(asked: str | None) -> Problem:
    """What to say where a revision does not exist."""
    what = f"there is no revision {asked!r} here" if asked else "there is no revision to compare with"
    remedy = (
        "Name one with --baseline REF; a shallow clone lacks the history (in GitHub Actions: fetch-depth: 0); "
        "--allow-missing-baseline passes a first run and stores it"
    )
    return Problem(what, "option --baseline", remedy, ExitCode.USAGE)
