"""How many times worse than the best a figure is."""

from __future__ import annotations

from reports import units
from reports.columns import columns
from reports.comparison import Comparison, Row
from results.metrics.metric import Metric


def relative(comparison: Comparison) -> dict[tuple[str, str], float]:
    """By the names of row and metric: 1.0 for the best, 3.7 for what is 3.7 times worse.

    Compared are rows of one kind (`Row.kind`) that passed, by the columns of a results table. A figure in brackets has
    no factor and is nobody's best. Where only one of a kind has the metric, nothing is compared.
    """
    found: dict[tuple[str, str], float] = {}
    for kind in dict.fromkeys(row.kind for row in comparison.ran):
        rows = [row for row in comparison.ran if row.kind == kind and row.outcome == "pass" and not row.suspect]
        for metric in (column.metric for column in columns() if column.metric.better != "none"):
            found |= {(row.name, metric.name): factor for row, factor in _factors(rows, metric)}
    return found


def _factors(rows: list[Row], metric: Metric) -> list[tuple[Row, float]]:
    known = [(row, value) for row in rows if (value := row.value(metric)) and value > 0 and not row.bracketed(metric)]
    if len(known) < 2:
        return []
    if metric.better == "higher":
        best = max(value for _, value in known)
        return [(row, best / value) for row, value in known]
    best = min(value for _, value in known)
    return [(row, value / best) for row, value in known]


def times(factor: float) -> str:
    """1 -> 1.0 ×, 3.68 -> 3.7 ×, 123.4 -> 120 ×."""
    return f"{factor:.1f} ×" if factor < 99.95 else f"{units.significant(factor, 2)} ×"
