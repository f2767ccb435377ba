"""Hostile names of columns and fields, on the engines that need no Java: rows are the reference's, called as asked."""

from __future__ import annotations

import json
import random

import pytest
from test_builtin_shapes import ahead, counted, fed
from test_kafka_client_operators import answered, expected, log_of

from engines.continuous.operator import Operator as Continuous
from engines.kafka_client.changelog import State
from engines.kafka_client.partition import Partition
from engines.micro_batch.operator import Operator as MicroBatch
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.hostile import NAMES, renamings
from tests.conformance.reference import rows

SOME = (
    "start",
    "END",
    "key",
    "count",
    "self",
    "latest",
    "c0",
    "f0",
    "class",
    "__init__",
    "a'b",
    "ключ",
    "7",
    "a\u2028b",
)

every_name = pytest.mark.parametrize("names", [SOME, pytest.param(NAMES, marks=pytest.mark.slow)], ids=["some", "all"])


@every_name
@pytest.mark.parametrize("operator", [Continuous, MicroBatch], ids=["continuous", "micro-batch"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_built_in_operator_answers_under_any_names(operator: type, example: str, names: tuple[str, ...]) -> None:
    query, plain = EXAMPLES[example], stream(example, 250)
    due = rows(query, plain)
    for renaming in renamings(query, names):
        new = renaming.query(query)
        last = renaming.event(ahead(query, plain))
        events = [*map(renaming.event, plain), last]
        found, late = fed(lambda query, state: operator(query, 0, state), new, events, random.Random(1), 100)
        assert late == 0
        assert counted(found) == counted(renaming.row(query, row) for row in due), renaming


@every_name
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_kafka_python_operators_answer_under_any_names(example: str, names: tuple[str, ...]) -> None:
    query, plain = EXAMPLES[example], stream(example, 250)
    for renaming in renamings(query, names):
        new, events = renaming.query(query), list(map(renaming.event, plain))
        log = log_of(query, plain)
        log = [
            type(one)(one.offset, json.dumps(renaming.event(json.loads(one.value))).encode(), one.partition)
            for one in log
        ]
        partition = Partition(new, State())
        found = [row for start in range(0, len(log), 100) for row in answered(partition, log[start : start + 100])]
        assert sorted(found) == sorted(expected(new, events).elements()), renaming
