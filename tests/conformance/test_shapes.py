"""Every engine answers small queries of shapes that no workload has as the plain Python reference does.

`test_embedded.py` does so for every shape on the built-in runners, which need no Java for it.
"""

from __future__ import annotations

import pytest

from engines.protocol import Engine
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream

pytestmark = pytest.mark.timeout(700)


UNCOVERED = ("sliding-count",)
"""A filter, a sliding window and a distinct count together are in `test_dropped_in.py`."""


@pytest.mark.parametrize("example", UNCOVERED)
def test_rows_are_those_of_the_reference(stage: Stage, engine: Engine, example: str, limit):
    query, events = EXAMPLES[example], stream(example)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events))
