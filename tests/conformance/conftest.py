"""Engines by discovery, and what they say that they cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from engines.configuration import Configurable
from engines.discovery import discover
from engines.protocol import Engine, EngineFailure, Guarantee
from tests.conformance.driver import Stage, log_of
from tests.conformance.hostile import NAMES, WORST
from tests.conformance.streams import WORKLOADS
from workloads.discovery import Unavailable
from workloads.query import Query

ENGINES: dict[str, Engine] = {name: found for name, found in discover().items() if not isinstance(found, Unavailable)}


IN_OTHER_MODES = ["sensors", "web-sessions", "fraud"]
"""Modes differ in state and in how it is kept, less in queries; with --all-cells every workload runs in each."""


RENAMED = ["join", "sliding-top", "until"]
"""Examples in which engines have most names of their own; without --all-cells the first."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("--all-cells")
    if "in_mode" in metafunc.fixturenames:
        metafunc.parametrize("in_mode", WORKLOADS if every else IN_OTHER_MODES)
    if "in_set_up" in metafunc.fixturenames:
        metafunc.parametrize("in_set_up", WORKLOADS if every else IN_OTHER_MODES[:1])
    if "renamed" in metafunc.fixturenames:
        metafunc.parametrize("renamed", RENAMED if every else RENAMED[:1])
    if "names" in metafunc.fixturenames:
        metafunc.parametrize("names", [NAMES if every else WORST], ids=["names"])


def needs(name: str) -> pytest.MarkDecorator:
    """What an engine's checks need: Kafka needs Java, the embedded log nothing but time."""
    return pytest.mark.java if log_of(ENGINES[name]) == "kafka" else pytest.mark.slow


@pytest.fixture(params=[pytest.param(name, marks=needs(name)) for name in sorted(ENGINES)])
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


@pytest.fixture(
    params=[
        pytest.param((name, mode), id=f"{name}-{mode}", marks=needs(name))
        for name in sorted(ENGINES)
        for mode in list(ENGINES[name].modes)[1:]
    ]
)
def mode(request: pytest.FixtureRequest) -> tuple[Engine, str]:
    """An engine, and a mode of it that is not its first."""
    name, mode = request.param
    return ENGINES[name], mode


@pytest.fixture(
    params=[
        pytest.param(name, marks=needs(name))
        for name, engine in sorted(ENGINES.items())
        if isinstance(engine, Configurable) and len(engine.settings) + len(engine.layouts) > 2
    ]
)
def settable(request: pytest.FixtureRequest) -> Engine:
    """An engine that can be set in more than one way."""
    return ENGINES[request.param]


@pytest.fixture(scope="session")
def embedded_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage without a broker."""
    stage = Stage(tmp_path_factory.mktemp("embedded"), None)
    yield stage
    stage.close()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    """The stage with the log that the test's engine is checked on. A broker starts only for an engine on Kafka."""
    if "mode" in request.fixturenames:
        engine: Engine = request.getfixturevalue("mode")[0]
    else:
        engine = request.getfixturevalue("settable" if "settable" in request.fixturenames else "engine")
    stage: Stage = request.getfixturevalue("stage_on_kafka" if log_of(engine) == "kafka" else "embedded_stage")
    return stage


@pytest.fixture
def limit(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Turns what an engine says it cannot answer into a strict expected failure, the engine's own: red once it answers,
    and red for any other error.

    A guarantee that it does not offer cannot be tried without a fault: such a test is left out, with the reason.
    """

    def declare(engine: Engine, query: Query, guarantee: Guarantee = "exactly-once", mode: str | None = None) -> None:
        first = next(iter(engine.modes))
        support = engine.support(query, guarantee, mode or first)
        if support.kind == "unsupported" and engine.support(query, "exactly-once", mode or first).kind != "unsupported":
            pytest.skip(f"{engine.name} has no {guarantee}: {support.detail}")
        if support.kind == "unsupported":
            request.applymarker(
                pytest.mark.xfail(reason=f"{engine.name}: {support.detail}", raises=EngineFailure, strict=True)
            )

    return declare
