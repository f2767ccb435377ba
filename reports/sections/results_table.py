"""Right or wrong, and how fast: a table for each comparison. Without room for one, answers come before speeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen, summary, units
from reports.columns import MetricColumn, columns
from reports.comparison import Comparison, Row, words
from reports.elements import Cell, Details, Element, Heading, Hint, Paragraph, Table, TableRow
from reports.relative import relative, times
from reports.sections.section import PagePart, Report, Section, TerminalPart

_COUNTS, _DELIVERY = "lost/dup/\nwrong", "delivery:\nclaimed → seen"
_LEFT = {"engine", "outcome", _DELIVERY}


def _page(report: Report) -> Iterator[Element]:
    yield Hint(
        "Every output row was compared with the right answer, computed apart from any engine. Latency counts from the "
        "time an event was planned, until its result could be read by a read_committed consumer. Below a figure stands "
        "how many times worse it is than the best of those that are set alike (1.0 ×)."
    )
    for comparison in report.comparisons:
        table = _table_of(comparison)
        if len(report.comparisons) == 1:
            yield table
            continue
        outcomes = Counter(row.outcome for row in comparison.rows)
        told = words(f"{count} {outcome}" for outcome, count in outcomes.items())
        said = Paragraph(" ".join(summary.headline(comparison)))
        yield Details(f"{comparison.title}: {told}", (said, table))


def _table_of(comparison: Comparison) -> Table:
    """Without the columns that none of its rows has anything in."""
    shown = [column for column in columns() if any(row.measured(column.metric) for row in comparison.rows)]
    head: tuple[str | Heading, ...] = (
        "engine",
        "outcome",
        "store",
        Heading("lost / dup /\nwrong", "number"),
        *(Heading(column.heading, "speed") for column in shown),
        "delivery,\nclaimed → seen",
    )
    rows = [_page_row(row, shown, relative(comparison)) for row in comparison.rows]
    return Table(comparison.title, head, rows, label=f"Results: {comparison.title}")


def _page_row(row: Row, shown: Sequence[MetricColumn], factors: Mapping[tuple[str, str], float]) -> TableRow:
    how = row.first.set_up.in_words(row.first.mode)
    whole = (f"{row.claimed} →", row.seen_in_words) if row.ran else ()
    cells: tuple[str | Cell, ...] = (
        Cell(row.engine, below=" · ".join(part for part in (row.first.engine_version, how) if part)),
        Cell(badge=row.outcome, below="as claimed" if row.allowed else ""),
        row.store or units.NONE,
        _counts(row, " / ", ",") or units.NONE,
        *(_speed(row, column, factors.get((row.name, column.metric.name))) for column in shown),
        Cell("" if whole else units.NONE, whole=whole, below="; ".join(row.claim_notes)),
    )
    return TableRow(cells, "wrong" if row.suspect else "" if row.ran else "idle")


def _speed(row: Row, column: MetricColumn, factor: float | None) -> Cell:
    """A value as text, in brackets where it says less than it seems to; below it, how many times worse than the best
    it is, and of a median over trials the interval.
    """
    text = column.show(row.value(column.metric))
    between = row.interval(column.metric)
    below = [] if factor is None else [times(factor)]
    below += [] if between is None else [f"{column.show(between[0])} to {column.show(between[1])}"]
    return Cell(f"({text})" if row.bracketed(column.metric) else text, below="\n".join(below))


def _counts(row: Row, between: str, form: str) -> str:
    """Rows lost, duplicate and wrong, each in that format; empty where no row was judged."""
    counts = row.counts
    shown = (counts["missing"], counts["duplicate"], counts["wrong"] + counts["unexpected"])
    return between.join(f"{count:{form}}" for count in shown) if any(counts.values()) else ""


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    """One table where there is room for it, else the answers' before the speeds', each in as many as it takes."""
    shown = columns()
    speeds = [column.short_heading for column in shown]
    if width >= screen.WIDE:
        rows = [
            (Text(row.name), _outcome(row), *_speeds(row, shown), _counted(row), _delivery(row, screen.SHORT))
            for row in comparison.rows
        ]
        yield from _tables(("engine", "outcome", *speeds, _COUNTS, _DELIVERY), rows, width)
        return
    answers = [(Text(row.name), _outcome(row), _counted(row), _delivery(row, {})) for row in comparison.rows]
    yield from _tables(("engine", "outcome", _COUNTS, _DELIVERY), answers, width)
    if comparison.ran:
        named = [Text(f"✗ {row.name}", "bold red") if row.suspect else Text(row.name) for row in comparison.ran]
        told = [(name, *_speeds(row, shown)) for name, row in zip(named, comparison.ran, strict=True)]
        yield from _tables(("engine", *speeds), told, width)


def _tables(head: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> Iterator[TerminalTable]:
    return screen.tables(head, rows, width, left=[place for place, heading in enumerate(head) if heading in _LEFT])


def _outcome(row: Row) -> Text:
    if not row.ran:
        return Text("not run", "dim")
    if row.allowed:
        return Text(f"! {row.outcome}", "yellow")
    if row.outcome == "fail":
        return Text("✗ wrong", "bold red")
    return Text(row.outcome, screen.STYLES[row.outcome])


def _speeds(row: Row, shown: Sequence[MetricColumn]) -> Iterator[Text]:
    """Speed and memory; also in brackets where the answer was wrong, for then they say nothing."""
    for column in shown:
        text = column.show(row.value(column.metric))
        bracketed = row.doubtful(column.metric)
        yield Text(f"({text})" if bracketed else text, "dim" if bracketed or not row.ran else "")


def _counted(row: Row) -> Text:
    counts = _counts(row, "/", "")
    if not counts:
        return Text(units.NONE, "dim")
    return Text(counts, "" if row.sound else "yellow" if row.allowed else "bold red")


def _delivery(row: Row, short: Mapping[str, str]) -> Text:
    return Text(row.delivery_in_words(short)) if row.ran else Text(units.NONE, "dim")


section = Section(
    "results",
    page=PagePart("Results", 10, _page, short_title="Results"),
    terminal=TerminalPart(10, _terminal),
)
