"""The files that trials load of what somebody may be working on, and whether they were changed meanwhile.

A gate takes minutes, and each trial loads its code anew. Of trials on code that changed nothing can be said.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_COMPILED = "__pycache__"


def contents(places: Iterable[Path], apart: Path) -> dict[Path, bytes]:
    """A digest of each file, by its path. places: files, and folders of which all files count but hidden ones and what
    Python compiled. apart: a folder that may lie within one, and does not count.
    """
    found = {}
    for place in places:
        for path in [place] if place.is_file() else _below(place, apart.resolve()):
            with suppress(OSError):  # It is gone again.
                found[path] = hashlib.blake2b(path.read_bytes()).digest()
    return found


def changed(before: Mapping[Path, bytes], now: Mapping[Path, bytes]) -> Path | None:
    """A file that is not as it was, or there on one side only; None where there is none."""
    return min((path for path, _ in before.items() ^ now.items()), default=None)


def _below(place: Path, apart: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(place.resolve()):
        hidden = {name for name in folders if name == _COMPILED or name.startswith(".")}
        folders[:] = [name for name in folders if name not in hidden and Path(parent, name) != apart]
        yield from (Path(parent, name) for name in files if not name.startswith("."))
