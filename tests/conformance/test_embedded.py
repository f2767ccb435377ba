"""The built-in runners answer every shape of query on the embedded log as the plain Python reference does."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engines.continuous import engine as continuous
from engines.micro_batch import engine as micro_batch
from engines.protocol import Engine, Guarantee
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.reference import Event
from workloads.query import Query

pytestmark = pytest.mark.slow

BUILTIN: tuple[Engine, ...] = (continuous, micro_batch)


@pytest.fixture
def stage(embedded_stage: Stage) -> Stage:
    return embedded_stage


def check(stage: Stage, query: Query, events: Sequence[Event], **how: Any) -> None:
    """Both engines give the reference's rows. They run side by side, as most of their time is waiting."""
    with ThreadPoolExecutor(len(BUILTIN)) as pool:
        runs = [pool.submit(stage.run, engine, query, events, log="embedded", **how) for engine in BUILTIN]
    for run in runs:
        assert_same_rows(query, events, run.result())


@pytest.mark.parametrize("example", EXAMPLES)
def test_rows_are_those_of_the_reference(stage: Stage, example: str):
    for engine in BUILTIN:
        assert engine.support(EXAMPLES[example], "exactly-once", next(iter(engine.modes))).kind == "native"
    check(stage, EXAMPLES[example], stream(example))


@pytest.mark.parametrize(
    ("example", "guarantee", "parallelism"),
    [
        ("sliding-top", "exactly-once", 1),
        ("session", "at-least-once", 4),
        ("deduplicate-running", "at-most-once", 1),
        ("join", "exactly-once", 4),
        ("sliding-count", "at-most-once", 4),
        ("machine", "at-least-once", 1),
    ],
)
def test_a_restart_keeps_state_in_every_guarantee_and_at_any_parallelism(
    stage: Stage, example: str, guarantee: Guarantee, parallelism: int
):
    check(stage, EXAMPLES[example], stream(example), guarantee=guarantee, parallelism=parallelism, restart=True)


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_stream_and_one_event(stage: Stage, count: int):
    check(stage, EXAMPLES["session"], stream("session", count))


def test_records_that_are_no_events_are_skipped(stage: Stage):
    poison = [b"not JSON", b"[1]", b'{"id": 1}', b'{"id":1,"check":1,"name":7,"time":1,"kind":1,"item":1,"amount":1}']
    assert {engine.poison for engine in BUILTIN} == {"skipped"}
    check(stage, EXAMPLES["running"], stream("running", 300), raw=[("k1", value) for value in poison])
