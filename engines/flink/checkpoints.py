"""Checkpoints that earlier submissions of a job left in its directory."""

from __future__ import annotations

from pathlib import Path


def folder(directory: Path) -> Path:
    """Where a job with this state directory keeps its checkpoints: JOB-ID/chk-N/, one job id a submission."""
    return directory / "checkpoints"


def newest(directory: Path) -> Path | None:
    """The newest checkpoint that was completed, or None: its metadata is the last thing written."""
    found = [(path.stat().st_mtime_ns, path.parent) for path in folder(directory).glob("*/chk-*/_metadata")]
    return max(found)[1] if found else None
