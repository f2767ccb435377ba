"""What a format is that a run can be exported in: a module of this folder that has `export` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reports.exports.readings import ExportReading, ReadingChoice
from results.result import RunResult


@dataclass(frozen=True)
class Exported:
    """What is to be exported of a run."""

    run: RunResult
    """The run's result, whose texts may come from anyone."""
    folder: Path | None
    """The run's folder; None where there is the result alone."""
    choice: ReadingChoice
    """What was chosen."""
    readings: tuple[ExportReading, ...]
    """The figures of it: of a case with several trials the medians, of any other its own."""


Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Export:
    """A format: one text, or several files in a folder."""

    name: str
    """As `--to` takes it."""
    about: str
    """What reads it, in a few words."""
    text: Callable[[Exported], str] | None = None
    """The text, with a line end behind its last line. None where files are written instead."""
    files: Callable[[Exported], Files] | None = None
    """Names and contents of files. None where it is one text."""
    marks: bool = False
    """Whether the format itself says of each figure why it stands in brackets, and of what ran how it ended: then none
    is left out. What has no place for that is given the figures that stand as they are."""
    whole: bool = False
    """Whether every metric is in it, unless some are named; else the usual ones."""
    units: frozenset[str] | None = None
    """The units that the format knows; None for all."""
