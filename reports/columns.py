"""The columns of metrics in a results table: the one list of them, for the page and for the terminal.

A metric says itself whether it has one (`results.metrics.metric.TableColumn`).
"""

from __future__ import annotations

from dataclasses import dataclass

from reports import units
from results.metrics import registry
from results.metrics.metric import Metric


@dataclass(frozen=True)
class MetricColumn:
    """A column: its metric, and its heading, where a line break is one on page and screen.

    short_heading: for the terminal. bare: the cells have no unit, since the heading says it.
    """

    metric: Metric
    heading: str
    short_heading: str
    bare: bool

    def show(self, value: float | None) -> str:
        """The value as text; None is a metric that is absent."""
        if self.bare:
            return units.scaled(value, "")
        return units.quantity(value, self.metric.unit)


def columns() -> tuple[MetricColumn, ...]:
    """The columns, from left to right."""
    return tuple(
        MetricColumn(
            metric, metric.column.page_heading or metric.column.heading, metric.column.heading, metric.column.bare
        )
        for metric in registry.columns()
        if metric.column
    )
