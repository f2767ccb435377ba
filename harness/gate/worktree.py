"""A revision, checked out beside the repository for as long as a gate lasts.

A gate that is killed leaves its worktree; the next one removes it. Whoever uses a worktree holds the lock of a file
beside it, which the system gives back when its holder dies: so a worktree whose lock can be had is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.gate.repository import GitRefused, Repository, git
from harness.problem import Problem
from harness.provisioning.folders import home

_HELD = ".lock"


def folder() -> Path:
    """Where worktrees are made."""
    return home() / "worktrees"


@contextmanager
def checked_out(repository: Repository, commit: str) -> Iterator[Path]:
    """The files of a commit, in a folder that is removed afterwards. Raises Problem."""
    path = folder() / f"{commit[:12]}-{secrets.token_hex(4)}"
    held = path.with_name(path.name + _HELD)
    with _locked(held, os.fsencode(repository.top)):
        try:
            try:
                git(repository.top, "worktree", "add", "--detach", str(path), commit)
            except GitRefused as refused:
                raise _impossible(str(refused), commit) from refused
            yield path
        finally:
            _remove(repository.top, path)
            held.unlink(missing_ok=True)


@contextmanager
def _locked(held: Path, content: bytes) -> Iterator[None]:
    """Make a file, and hold its lock. Raises Problem."""
    try:
        held.parent.mkdir(parents=True, exist_ok=True)
        file = held.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(content)
        file.flush()
    except OSError as error:
        raise _impossible(str(error.strerror), str(held)) from error
    with file:
        yield


def _impossible(why: str, where: str) -> Problem:
    remedy = "see to the disk's space and the permissions of STREAMGAUGE_HOME, or choose another revision"
    return Problem(f"the baseline cannot be checked out: {why}", where, remedy)


def remove_left() -> int:
    """Remove the worktrees of gates that were killed; how many there were."""
    found = 0
    for held in sorted(folder().glob(f"*{_HELD}")):
        with suppress(OSError), held.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(Path(os.fsdecode(file.read())), held.with_name(held.name.removesuffix(_HELD)))
            held.unlink(missing_ok=True)
            found += 1
    return found


def _remove(top: Path, path: Path) -> None:
    """Remove a worktree, whole or half-made, and forget it. Its repository may be gone."""
    shutil.rmtree(path, ignore_errors=True)
    for folder in _imported(path):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(GitRefused):
        git(top, "worktree", "prune")


def _imported(path: Path) -> list[Path]:
    """The folders from which engines imported what was in a worktree (`harness.provisioning.code_folder`): each holds
    links, which lead nowhere without it.
    """
    try:
        folders = list((home() / "code").iterdir())
    except OSError:
        return []
    return [folder for folder in folders if _leads_into(folder, path.resolve())]


def _leads_into(folder: Path, path: Path) -> bool:
    try:
        return any(link.readlink().is_relative_to(path) for link in folder.iterdir())
    except OSError:  # It is none of these folders.
        return False
