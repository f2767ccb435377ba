"""Every engine answers a small query of each shape as the plain Python reference does."""

from __future__ import annotations

import pytest

from engines.protocol import Engine
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream

pytestmark = [pytest.mark.java, pytest.mark.timeout(400)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_rows_are_those_of_the_reference(stage: Stage, engine: Engine, example: str, limit):
    query, events = EXAMPLES[example], stream(example)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events))
