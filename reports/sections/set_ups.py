"""How each engine is set: what of it must agree before one may be called faster than another."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen, units
from reports.comparison import Comparison, Row
from reports.elements import Details, Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart

_HEAD = ("how each is set", "settings", "worker processes", "state in", "commits every", "runs on")

_HINT = (
    "Plain settings are an engine's own, but for what was asked of it and what a right answer needs; recommended ones "
    "are as its manual and its committers advise. Faster and slower are said only of rows with the same settings, the "
    "same layout and the same kind of store. All engines are flattered alike: they log warnings only, web interfaces "
    "and event logs are off, checkpoints are written to the local disk, and all traffic is on the loopback interface."
)


def _page(report: Report) -> Iterator[Element]:
    told = [comparison for comparison in report.comparisons if _rows(comparison)]
    if not told:
        return
    yield Hint(_HINT)
    for comparison in told:
        rows = [_cells(row) for row in _rows(comparison)]
        table = Table(comparison.title, _HEAD, rows, label=f"How each is set: {comparison.title}")
        yield Details(f"{comparison.title} ({len(rows)})", (table,))


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    """Without room for all of it, what bears on who may be called faster."""
    if not _rows(comparison):
        return
    shown = len(_HEAD) if width >= screen.WIDE else 4
    cells = [[Text(cell) for cell in _cells(row)[:shown]] for row in _rows(comparison)]
    places = range(1, shown)
    yield from screen.tables(_HEAD[:shown], cells, width, left=places, breakable=places)


def _rows(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.ran if row.store]


def _cells(row: Row) -> tuple[str, ...]:
    plan, set_up = row.asked, row.first.set_up
    if plan is None:
        return (row.name, *(units.NONE,) * (len(_HEAD) - 1))
    workers = 1 if set_up.layout == "one-process" else plan.parallelism
    each = units.size(plan.worker_memory_mb * plan.parallelism // workers * 1024**2)
    java = f", Java {plan.versions['Java']}" if "Java" in plan.versions else ""
    beside = " and a coordinator" if "coordinator" in plan.roles else ""
    interval = "its own interval" if set_up.own_interval else units.milliseconds(plan.interval_ms)
    settings = set_up.settings or "its only ones"
    return row.name, settings, f"{workers} of {each}{beside}", row.store, interval, f"{plan.engine_version}{java}"


section = Section(
    "set-ups",
    page=PagePart("How each engine is set", 45, _page, short_title="Set-ups"),
    terminal=TerminalPart(45, _terminal),
)
