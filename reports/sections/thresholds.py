"""What became of the thresholds of a suite, in every case that they are asked of."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen
from reports.comparison import Comparison
from reports.elements import Cell, Element, Hint, Table, TableRow
from reports.sections.section import PagePart, Report, Section, TerminalPart
from reports.threshold_text import STATES, figure, named, ordered

_STYLES = {"met": "green", "crossed": "bold red", "undecided": "yellow"}
_HEAD = ("threshold", "engine", "state", "figure")
_HINT = (
    "Bounds that the suite sets. One that is crossed ends the command with exit code 1. Not decided is what was not "
    "measured, and a figure in brackets; with --strict that ends it with exit code 6."
)


def _page(report: Report) -> Iterator[Element]:
    with_some = [comparison for comparison in report.comparisons if comparison.thresholds]
    if with_some:
        yield Hint(_HINT)
    for comparison in with_some:
        rows = [
            TableRow(
                (check.text, named(check), STATES[check.state], Cell(figure(check), below=check.why)),
                "wrong" if check.state == "crossed" else "",
            )
            for check in ordered(comparison.thresholds)
        ]
        yield Table(comparison.title, _HEAD, rows, label=f"Thresholds: {comparison.title}")


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable | Text]:
    if not comparison.thresholds:
        return
    rows = [
        (Text(check.text), Text(named(check)), Text(STATES[check.state], _STYLES[check.state]), Text(figure(check)))
        for check in ordered(comparison.thresholds)
    ]
    yield from screen.tables(_HEAD, rows, width, left=range(4), breakable=(1, 3))
    for check in ordered(comparison.thresholds):
        if check.why:
            yield Text.assemble((f"{check.text}, {named(check)}: ", "dim"), check.why)


section = Section(
    "thresholds",
    page=PagePart("Thresholds", 15, _page, short_title="Thresholds"),
    terminal=TerminalPart(15, _terminal),
)
