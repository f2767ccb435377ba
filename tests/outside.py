"""Sections of a report from outside: a file dropped into reports/sections, and a package that has an entry point."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reports import sections


def drop(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the module `dropped` to reports/sections."""
    (folder / "dropped.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "reports.sections.dropped", raising=False)


def install(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package on the path whose entry point names `section` of its module `outside`."""
    (folder / "outside.py").write_text(text, encoding="utf-8")
    about = folder / "outside-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[streamgauge.sections]\nfrom-outside = outside:section\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "outside", raising=False)
