"""What became of late events, and what each engine says of them itself."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from reports.comparison import Comparison
from reports.elements import Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics import engine_counters
from results.metrics.late_events import DROPPED, EVENTS, KEPT


def _page(report: Report) -> Iterator[Element]:
    told = [pair for comparison in report.comparisons for pair in _told(comparison)]
    if not told:
        return
    yield Hint(
        "Events that come later than the watermark delay allows may be counted or dropped, each by itself. What an "
        "engine says of them itself is shown beside, and it is not judged by that."
    )
    yield Table("Late events", ("engine", "what became of them"), told)


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    yield from (Text.assemble((f"{name}: ", "dim"), text) for name, text in _told(comparison))


def _told(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """What became of late events, by the engine's name: only where the stream has such."""
    for row in comparison.ran:
        events, kept, dropped = (row.total(metric) for metric in (EVENTS, KEPT, DROPPED))
        if events is None:
            continue
        own = row.value(engine_counters.LATE)
        counter = "it has no counter of its own" if own is None else f"its own counter says {own:,.0f}"
        yield row.name, f"{events:,.0f} late events, kept {kept or 0:,.0f}, dropped {dropped or 0:,.0f}; {counter}"


section = Section("late", page=PagePart("Late events", 30, _page), terminal=TerminalPart(50, _terminal))
