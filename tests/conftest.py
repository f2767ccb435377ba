"""One broker and one cluster of each engine for all tests that need them, and which tests share a process.

Several tests run at a time (pytest-xdist, `--dist loadgroup`); those of one engine stay together, so that its cluster
starts once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.driver import Stage

_LONGEST_FIRST = ("spark", "flink", "own-jobs", "jobs-of-others", "six-engines", "kafka-streams", "spark-realtime")
"""Groups that take longest begin first, so that none is left to run alone in the end."""


_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Every JVM that tests start lives for minutes at most: the second compiler would cost it more than it saves. It took a
third off the time of Spark's conformance tests on two cores. Benchmarks do without."""


def pytest_configure() -> None:
    os.environ.setdefault("JAVA_TOOL_OPTIONS", _SHORT_LIVED)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # In the background of a shell. What tests start would inherit it, and some of it is to be interrupted.
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of a real broker, which ends with the tests."""
    from harness.broker import Broker
    from harness.doctor import prepare_broker
    from harness.host.warden import Warden
    from harness.provisioning.progress import Lines

    java, jars = prepare_broker(Lines())
    folder = tmp_path_factory.mktemp("broker")
    # Tests may be killed as a run may be: what they started ends with them.
    with Warden(f"tests-{os.getpid()}", folder / "scratch"):
        node = Broker(folder / "node", folder / "logs", java.home, jars)
        node.start()
        try:
            yield node.engine_address
        finally:
            node.stop()


@pytest.fixture(scope="session")
def stage_on_kafka(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Runs a query on an engine, over the broker; each engine's cluster starts with the first test that needs it, and
    in a C locale: what an engine reads and writes is UTF-8 there too.
    """
    from tests.conformance.driver import Stage

    stage = Stage(tmp_path_factory.mktemp("stage"), broker)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LC_ALL", "C")
        yield stage
        stage.close()


@pytest.fixture
def stage(stage_on_kafka: Stage) -> Stage:
    """The stage that a test of an engine on Kafka means."""
    return stage_on_kafka


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-points", type=int, default=0, help="kills of each built-in runner on each log")
    parser.addoption("--all-cells", action="store_true", help="every workload in every mode of every engine")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of an engine's cluster, or of a file's, stay together: so each starts once.

    Not later than here: xdist reads the groups in the first of the hooks that follow.
    """
    if item.get_closest_marker("java") is not None and item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def _group(item: pytest.Item) -> str:
    chosen = getattr(item, "callspec", None)
    parameters = chosen.params if chosen is not None else {}
    engine = parameters.get("engine") or parameters.get("mode") or parameters.get("settable")
    if item.path.parent.name == "engines" or not engine:
        return item.path.stem.removeprefix("test_").replace("_", "-")
    return str(engine if isinstance(engine, str) else engine[0])


def _rank(item: pytest.Item) -> int:
    marker = item.get_closest_marker("xdist_group")
    group = marker.args[0] if marker is not None else ""
    return _LONGEST_FIRST.index(group) if group in _LONGEST_FIRST else len(_LONGEST_FIRST)
