"""Engines by discovery, and one cluster of each for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engines.discovery import Unavailable, discover
from engines.protocol import Engine
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.provisioning.progress import Lines
from tests.conformance.driver import Stage

ENGINES: dict[str, Engine] = {name: found for name, found in discover().items() if not isinstance(found, Unavailable)}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage over a real Kafka broker of its own."""
    java, jars = prepare_broker(Lines())
    folder = tmp_path_factory.mktemp("conformance")
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
