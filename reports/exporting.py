"""A run, given to another tool: what is chosen, in which format, and where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports import exports
from reports.exports.export import Export, Exported
from reports.exports.readings import ALL, ReadingChoice, chosen, readings
from results.folder import write_whole
from results.metrics import registry
from results.result import RunResult


class Refused(Exception):
    """What was asked cannot be exported: what is wrong, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


@dataclass(frozen=True)
class AskedExport:
    """What is asked. to: the format's name. metrics: of which a figure is wanted; empty for the usual ones. bracketed:
    whether also figures that stand in brackets.
    """

    to: str
    metrics: tuple[str, ...] = ()
    bracketed: bool = False


@dataclass(frozen=True)
class Made:
    """An export: one text, or several files."""

    text: str | None
    """The text; None where it is files."""
    files: Mapping[str, bytes]
    """Contents by name, in the order in which they are to be written; empty where it is a text."""
    left_out: tuple[str, ...]
    """Which figures are not in it, each in a line with the reason."""
    figures: int
    """How many figures are in it."""
    empty: bool
    """Whether it says nothing: it has no figure, and its format has no place to say why."""


def made(run: RunResult, folder: Path | None, asked: AskedExport) -> Made:
    """The export of a run. folder: the run's own; None where there is the result alone. Raises Refused."""
    export = _format(asked.to)
    _check_metrics(run, asked.metrics)
    choice = ReadingChoice(asked.metrics, asked.bracketed, export.units)
    left_out: list[str] = []
    if export.marks:
        wants = choice.wants_of_all if export.whole else choice.wants
        kept = [each for each in readings(run) if wants(each.source, each.better)]
    else:
        kept, left_out = chosen(run, choice)
    exported = Exported(run, folder, choice, tuple(kept))
    text = export.text(exported) if export.text else None
    files = dict(export.files(exported)) if export.files else {}
    return Made(text, files, tuple(left_out), len(kept), not kept and not export.marks)


def write(made: Made, path: Path) -> None:
    """Write an export whole or not at all; of several files each, and the last one once all are there. Raises
    OSError.
    """
    if made.text is None:
        # An earlier export's, which would vouch for what is half of one and half of the other.
        (path / list(made.files)[-1]).unlink(missing_ok=True)
        for name, content in made.files.items():
            write_whole(path / name, content)
    elif path.exists() and not path.is_file():
        # A device or a pipe takes what it is given, and is not replaced.
        path.write_text(made.text, encoding="utf-8")
    else:
        # Where a link leads, for it was named by who asks.
        write_whole(path.resolve(), made.text.encode())


def _format(name: str) -> Export:
    known = exports.discover()
    found = known.get(name)
    if found is None:
        raise Refused(f"there is no format {name!r}", f"Use one of: {', '.join(known)}")
    if isinstance(found, exports.Unavailable):
        raise Refused(f"the format {name} cannot be loaded: {found.why}", "Repair it, or use another format")
    return found


def _check_metrics(run: RunResult, metrics: tuple[str, ...]) -> None:
    known = {ALL, *(metric.name for metric in registry.metrics())}
    for case in run.cases:
        known |= {*case.metrics, *case.absent}
    for name in metrics:
        if name not in known:
            raise Refused(f"there is no metric {name!r}", "METHOD.md lists them; `all` stands for every one that ranks")
