"""Engines by discovery, and one cluster of each for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from engines.discovery import Unavailable, discover
from engines.protocol import Engine, Guarantee
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.provisioning.progress import Lines
from harness.warden import Warden
from tests.conformance.driver import Stage
from workloads.query import Query

ENGINES: dict[str, Engine] = {name: found for name, found in discover().items() if not isinstance(found, Unavailable)}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage over a real Kafka broker of its own."""
    java, jars = prepare_broker(Lines())
    folder = tmp_path_factory.mktemp("conformance")
    # Tests may be killed as a run may be: what they started ends with them.
    with Warden(f"conformance-{os.getpid()}", folder / "scratch"):
        node = Broker(folder / "broker", folder / "logs", java.home, jars)
        node.start()
        stage = Stage(folder, node.engine_address)
        try:
            yield stage
        finally:
            stage.close()
            node.stop()


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


@pytest.fixture(
    params=[(name, mode) for name in sorted(ENGINES) for mode in list(ENGINES[name].modes)[1:]], ids="-".join
)
def mode(request: pytest.FixtureRequest) -> tuple[Engine, str]:
    """An engine, and a mode of it that is not its first."""
    name, mode = request.param
    return ENGINES[name], mode


@pytest.fixture
def limit(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Turns what an engine says it cannot answer into a strict expected failure: red once it can.

    A guarantee that it does not offer cannot be tried without a fault: such a test is left out, with the reason.
    """

    def declare(engine: Engine, query: Query, guarantee: Guarantee = "exactly-once", mode: str | None = None) -> None:
        first = next(iter(engine.modes))
        support = engine.support(query, guarantee, mode or first)
        if support.kind == "unsupported" and engine.support(query, "exactly-once", mode or first).kind != "unsupported":
            pytest.skip(f"{engine.name} has no {guarantee}: {support.detail}")
        if support.kind == "unsupported":
            request.applymarker(pytest.mark.xfail(reason=f"{engine.name}: {support.detail}", strict=True))

    return declare
