"""How warm each engine was when its last backlog was measured, and what it is before: cold beside warm."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen, units
from reports.comparison import Comparison, Row
from reports.elements import Cell, Element, Heading, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics import drain, drain_cpu, jvm, startup, warm_up
from results.metrics.metric import Metric

_COLUMNS: tuple[tuple[str, Metric], ...] = (
    ("start-up", startup.STARTUP),
    ("drain,\ncold", warm_up.COLD_RATE),
    ("drain,\nwarm", drain.RATE),
    ("without\nfixed parts", warm_up.MARGINAL),
    ("events/CPU-s,\ncold", warm_up.COLD_CPU),
    ("warm", drain_cpu.EVENTS_PER_SECOND),
    ("warm, without\nJIT and GC", jvm.EVENTS_PER_SECOND),
    ("still\ngrew by", warm_up.GREW),
)

_NARROW = (startup.STARTUP, warm_up.COLD_RATE, drain.RATE, warm_up.GREW)


def _page(report: Report) -> Iterator[Element]:
    told = [comparison for comparison in report.comparisons if _rows(comparison)]
    if not told:
        return
    yield Hint(
        "Cold is the first backlog after the start, which every user pays; it is small, so that the wait for its "
        "commit weighs on its rate. Warm is the last one, after equal backlogs until events per CPU-second grew no "
        "more. The last column says by how much they still grew over the last doubling of events. "
        "A rate without fixed parts is that of the events by which one backlog was the larger."
    )
    for comparison in told:
        head: tuple[str | Heading, ...] = ("engine", *(Heading(heading, "speed") for heading, _ in _COLUMNS))
        rows: list[tuple[str | Cell, ...]] = [
            (Cell(row.name), *(_shown(row, metric) for _, metric in _COLUMNS)) for row in _rows(comparison)
        ]
        table = Table(comparison.title, head, rows, label=f"Cold and warm: {comparison.title}")
        yield from report.folded(comparison, table)


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    """Without room for all of it, what belongs to the drain rate."""
    if not _rows(comparison):
        return
    shown = [each for each in _COLUMNS if width >= screen.WIDE or each[1] in _NARROW]
    cells = [(Text(row.name), *(Text(_shown(row, metric)) for _, metric in shown)) for row in _rows(comparison)]
    yield from screen.tables(("cold and warm", *(heading for heading, _ in shown)), cells, width)


def _rows(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.ran if row.value(warm_up.COLD_RATE) is not None]


def _shown(row: Row, metric: Metric) -> str:
    """A value as text, in brackets where it says less than it seems to, or the answer was wrong."""
    value = row.value(metric)
    bare = metric.unit == "events/CPU-s"
    text = units.scaled(value, "") if bare else units.quantity(value, metric.unit)
    return f"({text})" if row.doubtful(metric) else text


section = Section("warm-up", page=PagePart("Cold and warm", 15, _page), terminal=TerminalPart(15, _terminal))
