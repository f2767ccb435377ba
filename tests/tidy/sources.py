"""The files that the tidy tests look at: the product's and the tests'."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("workloads", "engines", "harness", "results", "reports")


def files(pattern: str, folders: tuple[str, ...] = (*PACKAGES, "tests")) -> list[Path]:
    """The files in these folders whose names match, by their paths from the root."""
    return sorted(path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob(pattern))


def text_of(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
