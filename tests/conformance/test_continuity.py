"""What must not matter to an answer: a stop in the middle, and the number of workers."""

from __future__ import annotations

import pytest

from engines.protocol import Engine
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.streams import stream_of

pytestmark = pytest.mark.timeout(700)


@pytest.mark.parametrize("workload", ["sensors", "payments"])
def test_a_stop_and_restart_in_the_middle_keeps_state(stage: Stage, engine: Engine, workload: str, limit):
    query, events = stream_of(workload)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events, restart=True))


@pytest.mark.parametrize(("workload", "parallelism"), [("sensors", 4), ("payments", 1)])
def test_the_number_of_workers_does_not_matter(stage: Stage, engine: Engine, workload: str, parallelism: int, limit):
    if parallelism > 2 and engine.claim("exactly-once", next(iter(engine.modes))).emits == "updates":
        pytest.skip("real-time tasks all run at once and need a core each; a small machine has fewer")
    query, events = stream_of(workload)
    limit(engine, query)
    assert_same_rows(query, events, stage.run(engine, query, events, parallelism=parallelism))
