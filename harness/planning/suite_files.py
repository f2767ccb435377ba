"""The suites that come with Streamgauge, by name. Standard library only: help and completion ask for them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "suites"


def suites() -> dict[str, Path]:
    """The file of each suite by its name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}
