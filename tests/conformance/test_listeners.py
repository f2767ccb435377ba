"""Whatever an engine starts, in every one of its modes, is reached from this machine alone: it asks for no password."""

from __future__ import annotations

import pytest

from engines.protocol import Engine
from tests.conformance.conftest import ENGINES, needs
from tests.conformance.driver import Stage, log_of
from tests.conformance.streams import stream_of
from tests.listeners import listeners, ours, watched

pytestmark = pytest.mark.timeout(700)


@pytest.fixture(
    params=[
        pytest.param((name, mode), id=f"{name}-{mode}", marks=needs(name))
        for name in sorted(ENGINES)
        for mode in ENGINES[name].modes
    ]
)
def mode(request: pytest.FixtureRequest) -> tuple[Engine, str]:
    """An engine, and any mode of it."""
    name, mode = request.param
    return ENGINES[name], mode


# Windows, and what few engines have a word for: each may be answered by other parts of an engine.
@pytest.mark.parametrize("workload", ["sensors", "fraud"])
def test_engines_and_their_broker_listen_on_loopback_only(stage: Stage, mode: tuple[Engine, str], workload: str):
    engine, name = mode
    query, events = stream_of(workload)
    if engine.support(query, "exactly-once", name).kind == "unsupported":
        pytest.skip(f"{engine.name} does not answer {workload} in mode {name}")
    with watched() as found:
        stage.run(engine, query, events, mode=name)
        found |= listeners(ours())
    assert [listener for listener in found if not listener.on_loopback] == []
    if log_of(engine) == "kafka":
        # The broker at least: who looks must see something.
        assert len(found) >= 3
