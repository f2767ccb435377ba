"""How far a query is, as its checkpoint folder tells: files only, so that it is known whatever the driver does."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from engines.protocol import Progress


def progress(checkpoint: Path, state: str) -> Progress:
    """Commits are committed batches. A batch whose offsets are logged and which is not committed is under way."""
    committed, logged = _newest(checkpoint / "commits"), _newest(checkpoint / "offsets")
    return Progress(committed + 1, _inputs(checkpoint / "offsets" / str(committed)), logged > committed, state)


def _newest(folder: Path) -> int:
    """The highest batch that has a file; -1 where none has."""
    try:
        return max((int(path.name) for path in folder.iterdir() if path.name.isdigit()), default=-1)
    except FileNotFoundError:
        return -1


def _inputs(offsets: Path) -> int | None:
    """Input offsets up to which a batch goes, summed over partitions: the last line of its file."""
    with suppress(OSError, ValueError, AttributeError, IndexError):
        topics = json.loads(offsets.read_text().splitlines()[-1])
        return sum(int(offset) for partitions in topics.values() for offset in partitions.values())
    return None
