"""A folder that may come from anyone, as the one of a run does. Standard library only.

Whoever made it may have put a symbolic link anywhere in it. Nothing of ours follows one: what is to be read or written
in the folder lies in the folder.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


class LeadsOutside(Exception):
    """Something in a folder that is not what it should be, and may lead out of it: what it is, and where."""

    def __init__(self, what: str, where: Path) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where = what, where


def within(folder: Path, *names: str) -> Path:
    """The folder of these names in `folder`, each a part of the one before; none of them needs to be there yet.

    Raises LeadsOutside where one is something else, a symbolic link for instance.
    """
    path = folder
    for name in names:
        path /= name
        if name in ("", ".", "..") or "/" in name:
            raise LeadsOutside("is no name of a folder", path)
        kind = _kind(path)
        if kind is not None and not stat.S_ISDIR(kind):
            raise LeadsOutside("is a symbolic link, and no folder" if stat.S_ISLNK(kind) else "is no folder", path)
    return path


def refuse_links(folder: Path) -> None:
    """Raises LeadsOutside for anything below the folder that is neither a folder nor a file of that folder alone: what
    is appended to a link, also to a hard one, is appended to a file elsewhere.
    """
    for path in _all(folder):
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            continue
        if not stat.S_ISREG(found.st_mode):
            raise LeadsOutside("is a symbolic link" if stat.S_ISLNK(found.st_mode) else "is no file", path)
        if found.st_nlink > 1:
            raise LeadsOutside("is a file of another folder as well", path)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is never seen half-written. A link in its place is replaced, and not followed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name that nobody foresees, of a file that is not there yet.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _kind(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def _all(folder: Path) -> Iterator[Path]:
    """Everything below the folder, through no link."""
    for parent, folders, files in os.walk(folder, followlinks=False):
        for name in (*folders, *files):
            yield Path(parent, name)
