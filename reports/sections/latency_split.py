"""Where result latency goes: the engine's part, and the wait for a commit."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen, units
from reports.comparison import Comparison, Row
from reports.elements import Element, Heading, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics.latency_parts import COMMIT, ENGINE, WHOLE
from results.metrics.metric import Metric

_METRICS = (WHOLE, *ENGINE.values(), *COMMIT.values())
_HEAD = (
    "mean\nlatency",
    "until append:\nmean",
    "\np50",
    "\np99",
    "commit wait:\nmean",
    "\np50",
    "\np99",
)


def _page(report: Report) -> Iterator[Element]:
    told = [(comparison, rows) for comparison in report.comparisons if (rows := _told(comparison))]
    untold = [row.absent(WHOLE) for comparison in report.comparisons for row in comparison.ran]
    if not told:
        yield from (Hint(f"Not told: {why}.") for why in dict.fromkeys(untold) if why)
        return
    yield Hint(
        "Until append: from the planned time of the event that makes a result final until the log had the row, which "
        "is the engine's part. Commit wait: from then until a read_committed consumer could read it. The means add up "
        "to the mean latency; percentiles are of each part by itself."
    )
    head: tuple[str | Heading, ...] = (
        "engine",
        *(Heading(heading.replace("\n", " ").strip(), "speed") for heading in _HEAD),
    )
    for comparison, rows in told:
        cells = [(row.name, *(_shown(row, metric) for metric in _METRICS)) for row in rows]
        yield from report.folded(comparison, Table(f"Where latency goes: {comparison.title}", head, cells))


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    rows = _told(comparison)
    if not rows:
        return
    styled = [(row, "dim" if row.suspect else "") for row in rows]
    cells = [(Text(row.name), *(Text(_shown(row, metric), style) for metric in _METRICS)) for row, style in styled]
    yield from screen.tables(("engine", *_HEAD), cells, width)


def _told(comparison: Comparison) -> list[Row]:
    """The rows of which the parts are known."""
    return [row for row in comparison.ran if row.measured(WHOLE) is not None]


def _shown(row: Row, metric: Metric) -> str:
    """In brackets where it says less than it seems to, or the answers were wrong."""
    text = units.quantity(row.value(metric), metric.unit)
    return f"({text})" if row.doubtful(metric) else text


section = Section(
    "latency-split",
    page=PagePart("Where latency goes", 15, _page, short_title="Latency in parts"),
    terminal=TerminalPart(15, _terminal),
)
