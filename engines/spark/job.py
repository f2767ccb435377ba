"""The Spark driver: one query from a Kafka topic to a Kafka topic. Runs in Spark's own environment.

    python -m engines.spark.job JOB.json

Prints READY once the query waits for data and every executor is there; ends with 1 when the query fails.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.types import LongType, StringType, StructField, StructType

from workloads.query import Aggregate, Query

READY = "streaming query is ready"
_POLL_S = 0.05


def schema(query: Query) -> StructType:
    types = {"integer": LongType, "text": StringType}
    return StructType([StructField(column.name, types[column.type]()) for column in query.columns])


def aggregate(wanted: Aggregate) -> Column:
    match wanted.function:
        case "count":
            value = f.count(f.lit(1))
        case "sum":
            value = f.sum(wanted.column)
        case "min":
            value = f.min(wanted.column)
        case "max":
            value = f.max(wanted.column)
    return value.alias(wanted.name)


def answer(records: DataFrame, query: Query) -> DataFrame:
    """The query's rows as Kafka records: `key` and `value` (JSON)."""
    events = records.select(f.from_json(f.col("value").cast("string"), schema(query)).alias("event")).select("event.*")
    grouped = (
        events.withColumn("__at", f.timestamp_millis(f.col(query.time)))
        .withWatermark("__at", f"{query.watermark_delay_ms} milliseconds")
        .groupBy(f.col(query.key), f.window("__at", f"{query.shape.window.size_ms} milliseconds").alias("__window"))
        .agg(*(aggregate(wanted) for wanted in query.shape.outputs))
    )
    row = f.struct(
        f.col(query.key).alias("key"),
        f.unix_millis("__window.start").alias("start"),
        f.unix_millis("__window.end").alias("end"),
        *(f.col(wanted.name) for wanted in query.shape.outputs),
    )
    return grouped.select(f.col(query.key).alias("key"), f.to_json(row).alias("value"))


def wait_ready(session: SparkSession, running: StreamingQuery, executors: int) -> None:
    """Return once the first trigger is over and all executors are there; whoever started us sets the time limit."""
    tracker = session.sparkContext._jsc.sc().statusTracker()
    # The driver is in the list as well.
    while running.lastProgress is None or len(tracker.getExecutorInfos()) <= executors:
        if not running.isActive:
            running.awaitTermination()
        time.sleep(_POLL_S)


def main(description: dict[str, Any]) -> None:
    builder = SparkSession.builder
    for name, value in description["session"].items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    records = session.readStream.format("kafka").options(**description["source"]).load()
    running = (
        answer(records, Query.from_json(description["query"]))
        .writeStream.format("kafka")
        .outputMode("append")
        .options(**description["sink"])
        .trigger(processingTime=description["trigger"])
        .start()
    )
    wait_ready(session, running, description["executors"])
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    running.awaitTermination()


def causes(text: str) -> str:
    """A failure's text without Java's stack and the query's plan: the last lines of a log are what is shown."""
    before_plan = text.partition("=== Streaming Query ===")[0]
    return "\n".join(line for line in before_plan.splitlines() if line and not line.lstrip().startswith(("at ", "...")))


if __name__ == "__main__":
    try:
        main(json.loads(Path(sys.argv[1]).read_text()))
    except (PySparkException, Py4JError) as error:
        sys.exit(causes(str(error)))
    except ConnectionError as error:
        sys.exit(f"the driver's JVM is gone: {error}")
