"""A query as Flink SQL."""

from __future__ import annotations

from collections.abc import Mapping

from workloads.query import Aggregate, Query

_TYPES = {"integer": "BIGINT", "text": "STRING"}

INPUT = "input"
OUTPUT = "output"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def interval(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86_400
    return f"INTERVAL '{days} {hours:02d}:{minutes:02d}:{seconds % 60:02d}.{rest:03d}' DAY(3) TO SECOND(3)"


def options(table: Mapping[str, str]) -> str:
    return ", ".join(f"{literal(name)} = {literal(value)}" for name, value in table.items())


def epoch_ms(timestamp: str) -> str:
    """Epoch milliseconds of a TIMESTAMP(3) in a session whose time zone is UTC; no cast gives them."""
    return f"EXTRACT(EPOCH FROM {timestamp}) * 1000 + EXTRACT(MILLISECOND FROM {timestamp})"


def aggregate(wanted: Aggregate) -> str:
    over = "*" if wanted.column is None else quoted(wanted.column)
    return f"{wanted.function.upper()}({over}) AS {quoted(wanted.name)}"


def input_table(query: Query, connector: Mapping[str, str]) -> str:
    """The input topic as a table whose watermark follows the largest event time of each partition."""
    columns = ", ".join(f"{quoted(column.name)} {_TYPES[column.type]}" for column in query.columns)
    return (
        f"CREATE TEMPORARY TABLE {quoted(INPUT)} ({columns}, "
        f"`@at` AS TO_TIMESTAMP_LTZ({quoted(query.time)}, 3), "
        f"WATERMARK FOR `@at` AS `@at` - {interval(query.watermark_delay_ms)}) WITH ({options(connector)})"
    )


def output_table(query: Query, connector: Mapping[str, str]) -> str:
    names = ["start", "end", *(wanted.name for wanted in query.shape.outputs)]
    columns = ", ".join(f"{quoted(name)} BIGINT" for name in names)
    return f"CREATE TEMPORARY TABLE {quoted(OUTPUT)} (`key` STRING, {columns}) WITH ({options(connector)})"


def answer(query: Query) -> str:
    key = quoted(query.key)
    values = ", ".join(aggregate(wanted) for wanted in query.shape.outputs)
    return (
        f"INSERT INTO {quoted(OUTPUT)} "
        f"SELECT {key}, {epoch_ms('window_start')}, {epoch_ms('window_end')}, {values} "
        f"FROM TABLE(TUMBLE(TABLE {quoted(INPUT)}, DESCRIPTOR(`@at`), {interval(query.shape.window.size_ms)})) "
        f"GROUP BY {key}, window_start, window_end"
    )
