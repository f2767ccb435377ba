"""Files that come from elsewhere: read only if they are plain files, of a bounded size. Standard library only.

A pipe in place of a file would never end, and /dev/zero would fill the memory. Whoever reads a folder that may be
another's reads by this.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST_TEXT_BYTES = 1 << 26
"""JSON that is read whole (64 MiB)."""


class Irregular(OSError):
    """What a path names is not a file that is read here: `strerror` says why."""

    def __init__(self, why: str, path: Path) -> None:
        super().__init__(errno.EINVAL, why, str(path))


def open_regular(path: Path, most_bytes: int, within: Path | None = None) -> BinaryIO:
    """The file, open for reading.

    within: a folder out of which no link may lead; None where links may be followed. Raises Irregular for what is no
    plain file, or has more than most_bytes, and OSError for what cannot be opened.
    """
    if within is not None and not _real(path).is_relative_to(_real(within)):
        raise Irregular("a link that leads out of its folder", path)
    # Without waiting: whoever opens a pipe waits for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = os.fdopen(descriptor, "rb") if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    if file is None:
        os.close(descriptor)
        raise Irregular("not a regular file", path)
    size = os.fstat(descriptor).st_size
    if size > most_bytes:
        file.close()
        raise Irregular(f"it has {size:,} bytes, more than the {most_bytes:,} that are read", path)
    return file


def read_regular(path: Path, within: Path | None = None, most_bytes: int = MOST_TEXT_BYTES) -> bytes:
    """The content of such a file. Raises what `open_regular` does."""
    with open_regular(path, most_bytes, within) as file:
        return file.read(most_bytes)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:  # What Python before 3.13 raises for links that lead to themselves.
        raise Irregular("a link that leads to itself", path) from None
