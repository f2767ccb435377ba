"""Every engine answers right whatever columns and fields are called and whatever a key is, in a C locale too."""

from __future__ import annotations

import pytest

from engines.flink import engine as flink
from engines.flink.api import PYTHON_MODE
from engines.protocol import Engine
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.hostile import Renaming, wide

pytestmark = [pytest.mark.java, pytest.mark.timeout(700)]

COLUMNS = {"name": "START", "time": "window_time", "kind": "rowtime", "item": "Start", "amount": "a'`b", "score": "$"}
FIELDS = {"total": "window_start", "least": "END", "most": "ключ", "asked": "Left", "item": "left_item"}
HOSTILE = Renaming(COLUMNS, FIELDS)


def test_any_name_and_any_key_are_taken_as_they_are(stage: Stage, engine: Engine, names: list[str], limit) -> None:
    query, events = wide(names)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events))


def test_names_of_an_engines_own_are_not_taken_for_a_users(stage: Stage, engine: Engine, renamed: str, limit) -> None:
    query, events = HOSTILE.query(EXAMPLES[renamed]), list(map(HOSTILE.event, stream(renamed, 1_000)))
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events))


@pytest.mark.xdist_group("flink")
def test_any_name_and_any_key_reach_flinks_python_workers_as_they_are(
    stage_on_kafka: Stage, names: list[str], limit
) -> None:
    query, events = wide(names)
    limit(flink, query, mode=PYTHON_MODE)
    assert_same_rows(query, events, stage_on_kafka.run(flink, query, events, mode=PYTHON_MODE))
