"""How far the trials of a case lie apart: medians with their intervals, and every trial by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import screen, units
from reports.columns import MetricColumn, columns
from reports.comparison import Comparison, Row
from reports.elements import Details, Element, Heading, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics import drain, drain_cpu, latency
from results.metrics.statistics import INTERVAL_SAMPLES

_SHOWN = (drain.RATE, latency.RESULT["p50"], latency.RESULT["p99"], drain_cpu.EVENTS_PER_SECOND)
"""The metrics whose spread stands in a terminal, which has no room for more."""


def _page(report: Report) -> Iterator[Element]:
    told = [(comparison, rows) for comparison in report.comparisons if (rows := _repeated(comparison))]
    if not told:
        return
    yield Hint(
        "Trials ran in blocks, each with every case once in an order of its own. Figures of tables are medians over "
        "the trials; below them stand their 95 % intervals. Where intervals overlap nothing is ranked, and of fewer "
        f"than {INTERVAL_SAMPLES} trials nothing is."
    )
    shown = columns()
    head: tuple[str | Heading, ...] = (
        "engine",
        "trial",
        "outcome",
        *(Heading(column.heading.replace("\n", " "), "speed") for column in shown),
    )
    for comparison, rows in told:
        trials = [(row.name, number, trial) for row in rows for number, trial in enumerate(row.trials, 1)]
        cells = [
            (name, str(trial.first.trial_number or number), trial.outcome, *(_value(trial, column) for column in shown))
            for name, number, trial in trials
        ]
        table = Table(f"Every trial: {comparison.title}", head, cells)
        yield Details(f"Every trial ({len(trials)}): {comparison.title}", (table,))


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    """Medians with their intervals; of few trials, with their range."""
    rows = _repeated(comparison)
    if not rows:
        return
    shown = [column for column in columns() if column.metric in _SHOWN]
    headings = [f"{column.short_heading}:\nmedian\n[{_between(rows)}]" for column in shown]
    cells = [
        (Text(row.name), Text(str(len(row.trials))), *(Text(_spread(row, column)) for column in shown)) for row in rows
    ]
    yield from screen.tables(("engine", "trials", *headings), cells, width)


def _between(rows: Sequence[Row]) -> str:
    return "95 % interval" if min(len(row.trials) for row in rows) >= INTERVAL_SAMPLES else "range"


def _repeated(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.ran if row.repeated]


def _value(row: Row, column: MetricColumn) -> str:
    text = column.show(row.value(column.metric))
    return f"({text})" if row.doubtful(column.metric) else text


def _spread(row: Row, column: MetricColumn) -> str:
    """The median, and between which values it lies; how many trials it rests on, where some have no value."""
    found = row.measured(column.metric)
    if found is None or found.low is None or found.high is None:
        return units.NONE
    of = f" ({found.n} of {len(row.trials)})" if found.n != len(row.trials) else ""
    text = column.show(found.value)
    text = f"({text})" if found.bracketed or row.suspect else text
    return f"{text}{of}\n[{column.show(found.low)} to {column.show(found.high)}]"


section = Section(
    "trials",
    page=PagePart("Trials", 12, _page, short_title="Trials"),
    terminal=TerminalPart(12, _terminal),
)
