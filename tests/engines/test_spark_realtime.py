"""Spark in real-time mode: the last update of each row, and what Spark refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engines.protocol import Engine, EngineFailure, Site
from engines.spark import engine as micro_batch
from engines.spark.loopback import agent
from engines.spark_realtime import engine as realtime
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.reference import rows


def test_real_time_mode_answers_with_updates_and_says_so():
    assert realtime.claim("exactly-once", "real-time").emits == "updates"
    assert micro_batch.claim("exactly-once", "micro-batch").emits == "final"


@pytest.mark.java
@pytest.mark.parametrize("example", ["filtered-sliding-distinct", "deduplicate"])
def test_the_last_update_of_each_row_is_right_in_real_time_mode(stage: Stage, example: str):
    query, events = EXAMPLES[example], stream(example)
    assert realtime.support(query, "exactly-once", "real-time").kind != "unsupported"
    outcome = stage.run(realtime, query, events, restart=example != "deduplicate")
    # A key's updates are in one partition of the output, in order.
    last = {(row["key"], *(row[name] for name in query.identity)): row for row in outcome.rows}
    assert list(last.values()) == rows(query, events)
    assert not outcome.strange


@pytest.mark.java
@pytest.mark.parametrize("spark", [micro_batch, realtime], ids=lambda spark: spark.name)
def test_windows_hold_no_duplicates_where_the_query_drops_them(stage: Stage, spark: Engine):
    rule, events = EXAMPLES["deduplicate"].deduplicate, stream("deduplicate", 1_500)
    query = replace(EXAMPLES["tumbling"], deduplicate=rule)
    outcome = stage.run(spark, query, events)
    last = {(row["key"], row["start"]): row for row in outcome.rows}
    assert list(last.values()) == rows(query, events)


@pytest.mark.java
@pytest.mark.parametrize(
    ("example", "words"),
    [
        ("session", "not supported for session window"),
        ("top", "correctness"),
        ("join", "IDENTICAL_SOURCES"),
        ("running", "STDS_FAILED_TO_READ_OPERATOR_METADATA"),
    ],
)
def test_what_real_time_mode_is_said_not_to_answer_spark_refuses(stage: Stage, example: str, words: str):
    query = EXAMPLES[example]
    assert realtime.support(query, "exactly-once", "real-time").kind == "unsupported"
    with pytest.raises(EngineFailure, match=words):
        stage.run(realtime, query, stream(example, 10))


def test_a_spark_without_what_the_agent_is_made_with_is_named(tmp_path):
    (tmp_path / "jars").mkdir()
    site = Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, tmp_path)
    with pytest.raises(EngineFailure, match=r"there is no xbean-asm9-shaded-\*\.jar"):
        agent(site, tmp_path)
