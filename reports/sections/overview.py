"""The answer of a run with several tables, in one: each engine under each question."""

from __future__ import annotations

from collections.abc import Iterator

from reports import units
from reports.comparison import Comparison, Row
from reports.elements import Answer, Element, Matrix
from reports.labels import labels
from reports.recovery_text import caught_up, recovered
from reports.sections.section import PagePart, Report, Section
from results.metrics import drain, latency, sustained_rate
from results.metrics.metric import Metric
from results.metrics.recovery import CAUGHT_UP

_STRUCK = "seconds until caught up: median, and its 95 % interval over the strikes (of fewer than five, their range)"


def _page(report: Report) -> Iterator[Element]:
    """Nothing for one table, which answers for itself. The shorter side stands across."""
    if len(report.comparisons) < 2:
        return
    engines = list(dict.fromkeys(row.name for row in report.rows))
    tables = list(zip(labels(report.comparisons), report.comparisons, strict=True))
    cells = {(row.name, label): _answer(comparison, row) for label, comparison in tables for row in comparison.rows}
    asked = [label for label, _ in tables]
    caption = f"Outcome and delivery seen; {'; '.join(dict.fromkeys(_question(each) for _, each in tables))}"
    if len(asked) <= len(engines):
        across = [(name, [cells.get((name, label)) for label in asked]) for name in engines]
        yield Matrix(caption, "engine", asked, across)
    else:
        down = [(label, [cells.get((name, label)) for name in engines]) for label in asked]
        yield Matrix(caption, "asked", engines, down)


def _question(comparison: Comparison) -> str:
    """What the figure is."""
    if _struck(comparison):
        return _STRUCK
    if _searched(comparison):
        return "the largest rate that was held, and p99 of result latency there"
    drained = any(row.measured(drain.RATE) for row in comparison.ran)
    return "drain rate, and p99 of result latency" if drained else "p99 of result latency"


def _struck(comparison: Comparison) -> bool:
    return any(row.strikes for row in comparison.ran)


def _searched(comparison: Comparison) -> bool:
    return any(row.probes for row in comparison.ran)


def _answer(comparison: Comparison, row: Row) -> Answer:
    if not row.ran:
        return Answer(row.outcome, "; ".join(row.reasons))
    if _struck(comparison):
        return _recovery(row)
    if _searched(comparison):
        figure, second = _shown(row, sustained_rate.HELD), _shown(row, sustained_rate.P99)
    else:
        figure, second = _shown(row, drain.RATE), _shown(row, latency.RESULT["p99"])
    figure, second = (figure, second) if figure else (second, "")
    return Answer(row.outcome, row.seen_in_words, figure, "", f"p99 {second}" if second else "", row.suspect)


def _recovery(row: Row) -> Answer:
    exposed = sum(strike.exposed for strike in row.strikes)
    seen = f"{row.seen_in_words}, {exposed} of {len(row.strikes)} strikes exposed"
    metric, told = row.measured(CAUGHT_UP), recovered(row)
    if metric is None or told is None:
        return Answer(row.outcome, seen, wrong=row.suspect)
    back, injected = told
    between = (metric.low, metric.high)
    spread = "" if None in between else " to ".join(units.significant(end or 0.0) for end in between)
    but = f"{back} of {injected} recovered" if back < injected else ""
    return Answer(row.outcome, seen, caught_up(metric), but, spread, row.suspect)


def _shown(row: Row, metric: Metric) -> str:
    """A value as text, in brackets where it says less than it seems to; empty where there is none."""
    found = row.measured(metric)
    if found is None:
        return ""
    text = units.quantity(found.value, metric.unit)
    return f"({text})" if found.bracketed else text


section = Section("overview", page=PagePart("The answer", 5, _page, short_title="Answer"))
