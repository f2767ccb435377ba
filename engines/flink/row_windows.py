"""Windows of a number of rows in Flink's Table API: SQL has none. Runs in Flink's own environment."""

from __future__ import annotations

from pyflink.table import Table
from pyflink.table.expressions import Expression, col, row_interval
from pyflink.table.window import Slide, Tumble

from workloads.query import ID, Aggregate, Count, Query, Windowed

from . import sql

_WINDOW = "@window"


def answer(query: Query, events: Table) -> Table:
    """The output table's columns, from the view of events. Raises ValueError if the query has no count window."""
    match query.shape:
        case Windowed(window=Count(size=size, slide=slide), outputs=outputs):
            pass
        case _:
            raise ValueError("only count windows are answered by row intervals")
    now = col(sql.NOW)
    if size == slide:
        window = Tumble.over(row_interval(size)).on(now).alias(_WINDOW)
    else:
        window = Slide.over(row_interval(size)).every(row_interval(slide)).on(now).alias(_WINDOW)
    key = col(query.key)
    values = [_aggregate(wanted).alias(wanted.name) for wanted in outputs]
    grouped = events.window(window).group_by(col(_WINDOW), key)
    return grouped.select(key.alias("key"), col(ID).min.alias("first"), *values)


def _aggregate(wanted: Aggregate) -> Expression:
    column = col(wanted.column or ID)
    match wanted.function:
        case "distinct":
            return column.count.distinct
        case "count":
            return column.count
        case "sum":
            return column.sum
        case "min":
            return column.min
        case "max":
            return column.max
