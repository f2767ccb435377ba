"""From a query's events to its rows, one DataFrame expression a shape. Runs in Spark's own environment.

But for `answer`, queries have numbered names here (see `workloads.names`): the true ones return with the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql.types import LongType, StringType, StructField, StructType

from workloads.names import numbered
from workloads.query import (
    CHECK,
    ID,
    Aggregate,
    Join,
    Project,
    Query,
    Session,
    Sliding,
    Top,
    Tumbling,
    Windowed,
)

from .events import AT, OFFSET, events, met, timed

_WINDOW = "__window"


def answer(records: DataFrame, query: Query, mode: str) -> DataFrame:
    """The query's rows as Kafka records: `key` and `value` (JSON)."""
    plain = numbered(query)
    rows, key = _rows(events(records, query, mode), plain), f.col(plain.key).alias("key")
    names = dict(zip(plain.row_fields, query.row_fields, strict=True))
    value = f.to_json(f.struct(key, *(f.col(mine).alias(name) for mine, name in names.items())))
    return rows.select(key, value.alias("value"))


def _rows(found: DataFrame, query: Query) -> DataFrame:
    """Columns: the key by its own name, the query's identity and its fields."""
    match query.shape:
        case Project(fields=fields):
            return found.select(query.key, ID, *(name for name in fields if name not in (ID, CHECK)), CHECK)
        case Windowed(window=Tumbling() | Sliding() as window, top=Top() as top, outputs=outputs):
            return _top(timed(found, query), query.key, window, top, outputs)
        case Windowed(window=Tumbling() | Sliding() | Session() as window, outputs=outputs):
            grouped = timed(found, query).groupBy(query.key, _window(window).alias(_WINDOW))
            start, end = _bounds(window)
            return grouped.agg(*map(_aggregate, outputs)).select("*", start.alias("start"), end.alias("end"))
        case Join() as join:
            return _joined(timed(found, query), query, join)
        case _:
            return _sequence(found, query)


def _window(window: Tumbling | Sliding | Session) -> Column:
    match window:
        case Tumbling(size_ms=size):
            return f.window(AT, f"{size} milliseconds")
        case Sliding(size_ms=size, slide_ms=slide):
            return f.window(AT, f"{size} milliseconds", f"{slide} milliseconds")
        case Session(gap_ms=gap):
            # Spark merges sessions that touch: events exactly the gap apart would be in one. Hence a microsecond less.
            return f.session_window(AT, f"{gap * 1000 - 1} microseconds")


def _bounds(window: Tumbling | Sliding | Session) -> tuple[Column, Column]:
    """Start and end in epoch milliseconds, end exclusive."""
    start, end = f.unix_millis(f"{_WINDOW}.start"), f.unix_millis(f"{_WINDOW}.end")
    return start, end + 1 if isinstance(window, Session) else end


def _aggregate(wanted: Aggregate) -> Column:
    match wanted.function:
        case "count":
            value = f.count(f.lit(1))
        case "sum":
            value = f.sum(wanted.column)
        case "min":
            value = f.min(wanted.column)
        case "max":
            value = f.max(wanted.column)
        case "distinct":
            value = f.size(f.collect_set(wanted.column))
    return value.alias(wanted.name)


def _top(found: DataFrame, key: str, window: Tumbling | Sliding, top: Top, outputs: Sequence[Aggregate]) -> DataFrame:
    """Aggregates of each item, and of these an array per window, sorted."""
    size = window.size_ms
    slide = window.slide_ms if isinstance(window, Sliding) else size
    items = found.groupBy(key, _window(window).alias(_WINDOW), f.col(top.item).alias("item")).agg(
        *map(_aggregate, outputs)
    )
    # One window ends in each slide: that is how windows are told apart here.
    ends = f.window(f.window_time(_WINDOW), f"{slide} milliseconds").alias("__ends")
    item = f.struct((-f.col(top.by)).alias("__descending"), f.col("item"), *(f.col(wanted.name) for wanted in outputs))
    best = f.slice(f.array_sort(f.collect_list(item)), 1, top.n).alias("__best")
    end = f.unix_millis("__ends.end")
    return (
        items.groupBy(key, ends)
        .agg(best)
        .select(key, (end - size).alias("start"), end.alias("end"), f.posexplode("__best").alias("__place", "__item"))
        .select(key, "start", "end", (f.col("__place") + 1).alias("rank"), "__item.*")
    )


def _joined(found: DataFrame, query: Query, join: Join) -> DataFrame:
    sides = {"left": found.where(met(join.left)), "right": found.where(met(join.right))}
    columns = {side: {ID, CHECK} | {field.column for field in join.fields if field.side == side} for side in sides}
    left, right = (
        side.select(
            f.col(query.key).alias(f"__{name}_key"),
            f.col(AT).alias(f"__{name}_at"),
            *(f.col(column).alias(f"{name}_{column}") for column in sorted(columns[name])),
        )
        for name, side in sides.items()
    )
    near = (
        "__left_key = __right_key"
        f" AND __right_at >= __left_at + INTERVAL {join.lower_ms} MILLISECONDS"
        f" AND __right_at <= __left_at + INTERVAL {join.upper_ms} MILLISECONDS"
    )
    return left.join(right, f.expr(near)).select(
        f.col("__left_key").alias(query.key),
        f.col(f"left_{ID}").alias("left"),
        f.col(f"right_{ID}").alias("right"),
        *(f.col(f"{field.side}_{field.column}").alias(field.name) for field in join.fields),
        (f.col(f"left_{CHECK}") + f.col(f"right_{CHECK}")).alias("checks"),
    )


def _sequence(found: DataFrame, query: Query) -> DataFrame:
    # Only these queries need Arrow and protobuf, which Spark's own operators do not.
    from .processor import SequenceProcessor

    integers = [column.name for column in query.columns if column.type == "integer"]
    names = [*integers, *(linear.name for linear in query.derived)]
    row = StructType(
        [StructField(query.key, StringType())]
        + [StructField(name, LongType()) for name in (*query.identity, *query.fields)]
    )
    return (
        found.select(query.key, OFFSET, *names)
        .groupBy(query.key)
        .transformWithState(SequenceProcessor(query), row, "Append", "None")
    )
