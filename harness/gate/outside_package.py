"""A package of somebody else's that adds engines or workloads: where in its repository Python finds it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from harness.problem import ExitCode, Problem

GROUPS = ("streamgauge.engines", "streamgauge.workloads", "streamgauge.faults")
"""Entry points whose code runs in a trial."""

_PACKAGE = "__init__.py"


@dataclass(frozen=True)
class OutsidePackage:
    """Both are relative to the repository. folder: from which Python loads the package. file: by which it begins."""

    folder: Path
    file: Path

    @property
    def loaded(self) -> Path:
        """The package's folder, or the file of a module that is none."""
        return self.file.parent if self.file.name == _PACKAGE else self.file


def found_in(top: Path) -> list[OutsidePackage]:
    """The packages of a repository whose entry points are loaded here.

    Raises Problem where there are none: both sides would run the same code.
    """
    found = dict.fromkeys(_packages(top.resolve()))
    if found:
        return list(found)
    raise Problem(
        "nothing of this repository would run in a trial, so both sides would be the same",
        str(top),
        "Stand in a checkout of Streamgauge that you call by ./bench, or install your package of engines or "
        "workloads here so that it can be edited (pip install -e .)",
        ExitCode.USAGE,
    )


def _packages(top: Path) -> Iterator[OutsidePackage]:
    for group in GROUPS:
        for point in entry_points(group=group):
            spec = importlib.util.find_spec(point.module.partition(".")[0])
            if spec is None or spec.origin is None:
                continue
            file = Path(spec.origin).resolve()
            folder = file.parent.parent if file.name == _PACKAGE else file.parent
            if folder.is_relative_to(top):
                yield OutsidePackage(folder.relative_to(top), file.relative_to(top))
