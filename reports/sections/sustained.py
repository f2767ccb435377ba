"""The rate that each engine sustains, with the pair of probes that says so, and every rate that was tried."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table as TerminalTable
from rich.text import Text

from reports import probe_text, screen, units
from reports.comparison import Comparison, Row
from reports.elements import Details, Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics import drain, sustained_rate
from results.metrics.metric import Metric
from results.result import ProbeResult

_HINT = (
    "The largest steady rate that an engine held, and the smallest that it did not. Held: the lag, read right after "
    "commits, grew by less than 1 % of the load, p99 was within its bound, and the generator was on its schedule. A "
    "longer probe confirms the one that held. Beside it the rate of a drain, which is no rate that lasts. It may be "
    "the lower one: in a backlog fewer events fall into each window, so that more rows are due for as many events."
)
HEAD = ("sustained", "held", "failed at", "p50", "p99", "cores", "drain", "probes")
_PROBES = ("engine", "probe", "rate", "outcome", "lag grew by", "p50", "p99", "max", "cores", "generator late", "why")


def _page(report: Report) -> Iterator[Element]:
    told = [comparison for comparison in report.comparisons if _rows(comparison)]
    if not told:
        return
    yield Hint(_HINT)
    for comparison in told:
        rows = _rows(comparison)
        head = ("engine", *HEAD[1:])
        table = Table(comparison.title, head, [cells(row) for row in rows], label=f"Sustained: {comparison.title}")
        listed = [(row.name, *_probe(each)) for row in rows for each in row.probes]
        probes = Table("Probes", _PROBES, listed, label=f"Probes: {comparison.title}")
        every = Details(f"Every rate that was tried ({len(listed)})", (probes,))
        yield from report.folded(comparison, table, every)


def _terminal(comparison: Comparison, width: int) -> Iterator[TerminalTable]:
    rows = _rows(comparison)
    if not rows:
        return
    shown = len(HEAD) if width >= screen.WIDE else 5
    yield from screen.tables(HEAD[:shown], [[Text(cell) for cell in cells(row)[:shown]] for row in rows], width)


def _rows(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.ran if row.probes]


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table, below HEAD."""
    return (
        row.name,
        *(
            _shown(row, metric)
            for metric in (
                sustained_rate.HELD,
                sustained_rate.FAILED,
                sustained_rate.P50,
                sustained_rate.P99,
                sustained_rate.CORES,
                drain.RATE,
            )
        ),
        str(len(row.probes)),
    )


def _shown(row: Row, metric: Metric) -> str:
    """A value as text, in brackets where it says less than it seems to, or the answer was wrong."""
    text = units.quantity(row.value(metric), metric.unit)
    return f"({text})" if row.doubtful(metric) else text


def _probe(each: ProbeResult) -> tuple[str, ...]:
    grew = units.NONE if each.lag_growth is None else f"{100 * each.lag_growth:.2f} %"
    name = f"{each.number}{', to confirm' if each.confirming else ''}"
    cores = units.quantity(each.cores, "cores")
    late = units.milliseconds(each.late_ms)
    said = probe_text.why(each) or units.NONE
    return name, units.scaled(each.rate, "/s"), each.outcome, grew, *probe_text.latencies(each), cores, late, said


section = Section(
    "sustained",
    page=PagePart("The rate that lasts", 13, _page, short_title="Sustained rate"),
    terminal=TerminalPart(13, _terminal),
)
