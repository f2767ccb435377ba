"""From Kafka records to a query's events. Runs in Spark's own environment.

Events have the names that `workloads.names` gives: Spark does not tell upper from lower case, and has names of its own.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql.types import LongType, StringType, StructField, StructType

from engines.configuration import values
from workloads.names import numbered
from workloads.query import Condition, Deduplicate, Linear, Query

from .settings import JSON, REAL_TIME

AT = "__at"
"""The event time as a timestamp."""
OFFSET = "__offset"
"""The record's offset in its partition: a key's events are in the log's order by it."""
BROKEN = "broken"
"""Observed metric of each batch: records that are no events."""
EVENTS = "events"
"""Name of the observation that holds BROKEN."""

_BROKEN = "__broken"
_MAY_BE_NO_TEXT = r"^(?:[-0-9\[{]|true$|false$)"
_COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def events(records: DataFrame, query: Query, mode: str) -> DataFrame:
    """The events that pass the query's filter: its columns, derived ones (all under numbered names), AT and OFFSET.

    Records that are no events are counted in the observation EVENTS and left out. Where the query deduplicates, what
    repeats is left out too; the watermark is set then.
    """
    plain = numbered(query)
    found = _intact(records, query, plain).where(met(plain.where))
    for linear in plain.derived:
        found = found.withColumn(linear.name, _derived(linear))
    found = found.withColumn(AT, f.timestamp_millis(f.col(plain.time)))
    return found if plain.deduplicate is None else _deduplicated(found, plain, plain.deduplicate, mode)


def timed(events: DataFrame, query: Query) -> DataFrame:
    """With the query's watermark, once."""
    # Its delay is set where duplicates are dropped.
    return events if query.deduplicate else events.withWatermark(AT, f"{query.watermark_delay_ms} milliseconds")


def met(conditions: Sequence[Condition]) -> Column:
    """Whether all conditions are met."""
    whole = f.lit(True)
    for condition in conditions:
        value = f.col(condition.column)
        value = value if condition.modulo is None else value % condition.modulo
        whole = whole & _COMPARISONS[condition.comparator](value, condition.value)
    return whole


def _intact(records: DataFrame, query: Query, plain: Query) -> DataFrame:
    text, event = f.col("__text"), f.col("__event")
    true, names = (tuple(column.name for column in asked.columns) for asked in (query, plain))
    parsed = f.from_json(text, _schema(query), values(JSON))
    if _alike(true):
        # Fields of a struct are found without regard to case. A cast goes by their places.
        parsed, true = parsed.cast(_schema(plain)), names
    broken = ~_is_text(text, query.key, event[true[names.index(plain.key)]])
    for name in true:
        broken = event[name].isNull() | broken
    return (
        records.select(f.col("offset").alias(OFFSET), f.col("value").cast("string").alias("__text"))
        .select(OFFSET, "__text", parsed.alias("__event"))
        .select(
            OFFSET, *(event[name].alias(mine) for name, mine in zip(true, names, strict=True)), broken.alias(_BROKEN)
        )
        .observe(EVENTS, f.count_if(_BROKEN).alias(BROKEN))
        .where(~f.col(_BROKEN))
        .drop(_BROKEN)
    )


def _alike(names: Sequence[str]) -> bool:
    """Whether Java may take two of these for the same, case apart: beyond ASCII it has rules of its own."""
    return not all(map(str.isascii, names)) or len(set(map(str.lower, names))) < len(names)


def _schema(query: Query) -> StructType:
    types = {"integer": LongType, "text": StringType}
    return StructType([StructField(column.name, types[column.type]()) for column in query.columns])


def _is_text(text: Column, key: str, value: Column) -> Column:
    """Whether the key is JSON text. `from_json` makes text of any value: only what looks so is looked at again."""
    # A map, since a path cannot name every key.
    fields = f.try_variant_get(f.try_parse_json(text), "$", "map<string, variant>")
    kind = f.schema_of_variant(fields[f.lit(key)])
    return f.when(value.rlike(_MAY_BE_NO_TEXT), kind.eqNullSafe("STRING")).otherwise(True)


def _derived(linear: Linear) -> Column:
    terms = [f"({weight}L * `{column}`)" for column, weight in linear.weights]
    return f.expr(f"({' + '.join([*terms, f'{linear.constant}L'])}) DIV {linear.divisor}L")


def _deduplicated(events: DataFrame, query: Query, rule: Deduplicate, mode: str) -> DataFrame:
    """Spark remembers an event for as long as the watermark is delayed, which is at least as long as the rule says.

    In real-time mode it can only remember all of them for ever.
    """
    marked, columns = events.withWatermark(AT, f"{query.watermark_delay_ms} milliseconds"), [query.key, *rule.columns]
    if mode == REAL_TIME:
        return marked.dropDuplicates(columns)
    return marked.dropDuplicatesWithinWatermark(columns)
