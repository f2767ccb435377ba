"""What a metric is: its name, how it is to be read, and where it stands in the tables."""

from __future__ import annotations

from dataclasses import dataclass

from results.result import Better


@dataclass(frozen=True)
class TableColumn:
    """Where a metric stands in the tables of results, of the terminal and of the page alike."""

    heading: str
    """A word or two; a line end breaks it."""
    order: int
    """Columns stand in ascending order of this."""
    page_heading: str = ""
    """For the page, which has more room; as `heading` where this is empty."""
    bare: bool = False
    """Whether the unit is left out of the cells, because the heading says it."""


@dataclass(frozen=True)
class Metric:
    """One figure, and what a reader must know to read it."""

    name: str
    """As in result.json: words of lower case, joined by underscores."""
    unit: str
    """As in result.json, such as `ms`, `bytes`, `events/s`."""
    better: Better
    """Which way is better; `none` for what describes a trial and ranks nothing."""
    meaning: str
    """A sentence for the reader, without its full stop. METHOD.md has the definition."""
    column: TableColumn | None = None
    """None for a metric that stands in the list of all metrics only."""
    own_time: bool = False
    """Whether it is taken at another time than the other figures of its phase: what disturbs these says nothing of it,
    and its measurement says what disturbed it (`results.metrics.disturbance`)."""
