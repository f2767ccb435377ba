"""Every engine answers every shape of query as the plain Python reference does, row by row."""

from __future__ import annotations

from collections import Counter

import pytest

from engines.protocol import Engine
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.reference import Row, rows

pytestmark = [pytest.mark.java, pytest.mark.timeout(400)]


def counted(found: list[Row]) -> Counter[tuple[tuple[str, object], ...]]:
    return Counter(tuple(sorted(row.items())) for row in found)


@pytest.mark.parametrize("example", EXAMPLES)
def test_rows_are_those_of_the_reference(stage: Stage, engine: Engine, example: str):
    query = EXAMPLES[example]
    support = engine.support(query, "exactly-once", next(iter(engine.modes)))
    if support.kind == "unsupported":
        pytest.skip(f"{engine.name} does not answer {example}: {support.detail}")
    events = stream(example)
    outcome = stage.run(engine, query, events)
    expected, found = counted(rows(query, events)), counted(outcome.rows)
    missing, more = expected - found, found - expected
    assert not outcome.strange
    assert (sorted(missing.elements())[:3], sorted(more.elements())[:3]) == ([], []), (
        f"{missing.total()} of {expected.total()} rows missing, {more.total()} more than due"
    )
