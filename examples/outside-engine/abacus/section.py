"""A section of the report: elements for the page, lines for the terminal; both from results alone."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from abacus.metric import VOLUME
from reports.comparison import Comparison
from reports.elements import Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart


def _page(report: Report) -> Iterator[Element]:
    tables = [(comparison.title, list(_compared(comparison))) for comparison in report.comparisons]
    if not any(rows for _, rows in tables):
        return
    yield Hint("What an engine writes, a log must store and every reader must read.")
    for title, rows in tables:
        yield Table(title, ("engine", "output"), rows, label=f"Output volume: {title}")


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    yield from (Text.assemble((f"{name}: ", "dim"), f"its output is {text}") for name, text in _compared(comparison))


def _compared(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """By the engine's name, its output for each event, and how much of the largest one that is."""
    known = {row.name: value for row in comparison.ran if (value := row.value(VOLUME)) is not None}
    for name, value in known.items():
        yield name, f"{value:,.1f} bytes an event, {value / max(known.values()):.0%} of the largest"


section = Section("output-volume", page=PagePart("Output volume", 35, _page), terminal=TerminalPart(55, _terminal))
