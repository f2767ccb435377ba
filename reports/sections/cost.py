"""COST: how many cores an engine needs at least to overtake the built-in runner on one (METHOD.md, "COST")."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.text import Text

from reports import units
from reports.comparison import Comparison, Row, words
from reports.elements import Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics import drain_cpu
from results.metrics.statistics import INTERVAL_SAMPLES

RUNNERS = ("continuous", "micro-batch")
"""The built-in engines, in one thread a worker."""

_HINT = (
    "An engine that needs many cores to be as fast as one thread pays for what it gives: being spread over machines, "
    "surviving their loss. Computed from events per CPU-second, as if every further core did as much as the first, so "
    "each number is the least that it can be. Of fewer than five trials it is an order of magnitude."
)


def _page(report: Report) -> Iterator[Element]:
    told = [comparison for comparison in report.comparisons if _rows(comparison)]
    if not told:
        return
    yield Hint(_HINT)
    for comparison in told:
        runner, rows = _rows(comparison) or (None, [])
        assert runner is not None, "a comparison without a runner is left out"  # noqa: S101
        head = ("engine", "events/CPU-s", f"cores to overtake {runner.name} on one")
        told_rows = [(row.name, _rate(row), str(cores)) for row, cores in rows]
        yield from report.folded(
            comparison, Table(comparison.title, head, told_rows, label=f"COST: {comparison.title}")
        )


def _terminal(comparison: Comparison, width: int) -> Iterator[Text]:  # noqa: ARG001
    """Only of trials that are enough to rank by: what one trial tells is an order of magnitude."""
    found = _rows(comparison)
    if found is not None and all(len(row.trials) >= INTERVAL_SAMPLES for row in comparison.ran):
        runner, rows = found
        told = words(f"{row.name} {cores}" for row, cores in rows)
        yield Text(f"cores needed at least to overtake {runner.name} on one (COST, computed): {told}")


def _rows(comparison: Comparison) -> tuple[Row, list[tuple[Row, int]]] | None:
    """The faster of the built-in runners, and the others with their cores; None where there is nothing to compare."""
    metric = drain_cpu.EVENTS_PER_SECOND
    fit = [row for row in comparison.ran if row.outcome == "pass" and row.value(metric)]
    runners = [row for row in fit if row.engine in RUNNERS and not row.bracketed(metric)]
    others = [row for row in fit if row.engine not in RUNNERS and not row.bracketed(metric)]
    if not runners or not others:
        return None
    runner = max(runners, key=lambda row: row.value(metric) or 0.0)
    best = runner.value(metric) or 0.0
    return runner, [(row, math.floor(best / (row.value(metric) or 1.0)) + 1) for row in others]


def _rate(row: Row) -> str:
    return units.scaled(row.value(drain_cpu.EVENTS_PER_SECOND), "")


section = Section("cost", page=PagePart("COST", 36, _page, short_title="COST"), terminal=TerminalPart(56, _terminal))
