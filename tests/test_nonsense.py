"""What no machine could run, or what asks for nothing, is refused when it is planned, at once and with its place."""

from __future__ import annotations

import pytest

from harness.planning import catalogue, request
from harness.planning.planner import Selection, make
from harness.planning.suite import InvalidRequest
from harness.problem import ExitCode

KNOWN = catalogue.discover()
PARAMETERS = [
    (f"workload.{name}.{key}", name)
    for name, workload in KNOWN.workloads.items()
    for key, default in getattr(workload, "defaults", {}).items()
    if not isinstance(default, str)
]
NUMBERS = ["inf", "-inf", "nan", "-1", "true", "4611686018427387904", str(2**70), "1e30", '"9999999999999999999999h"']


def asked(key: str, value: str, workload: str = "sensors", suite: str = "faults") -> None:
    """Plan it. Raises InvalidRequest, the only right answer here."""
    selection = Selection((), (workload,), "embedded", None, None)
    wanted = request.Request(suite, selection, request.overrides([f"{key}={value}"], None))
    source, content, chosen = request.resolve(wanted, KNOWN)
    make(source, content, chosen, KNOWN, ("embedded", None), lambda *_: None, "")


def refused(key: str, value: str, workload: str = "sensors", suite: str = "faults") -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(key, value, workload, suite)
    assert all(problem.exit_code == ExitCode.USAGE for problem in caught.value.problems)
    assert any(key in problem.where for problem in caught.value.problems)


SUITES = (
    *[
        "paced.rate",
        "paced.warmup",
        "paced.measured",
        "event_rate",
        "partitions",
        "parallelism",
        "trials",
        "interval",
        "worker_memory",
    ],
    *["faults.exposed", "faults.most", "faults.rows"],
)


@pytest.mark.parametrize("key", SUITES)
def test_a_number_that_no_machine_bears_is_refused(key: str) -> None:
    for value in NUMBERS:
        refused(key, value)


@pytest.mark.parametrize("key", ["drain.events", "drain.intervals", "drain.max_events", "drain.budget"])
def test_a_backlog_that_no_machine_bears_is_refused(key: str) -> None:
    for value in NUMBERS:
        refused(key, value, suite="quick")


def test_a_seed_that_is_none_is_refused() -> None:
    for value in ("inf", "-1", "true", str(2**70), "1.5"):
        refused("seed", value)


@pytest.mark.parametrize(("key", "workload"), PARAMETERS)
def test_a_parameter_that_no_machine_bears_is_refused(key: str, workload: str) -> None:
    for value in ("inf", "nan", "-1", "true", "4611686018427387904", str(2**70)):
        refused(key, value, workload, suite="quick")


@pytest.mark.parametrize(
    "key",
    ["modes.continuous", "faults.instead.continuous", "faults.timeouts", "faults.inject", "engines", "guarantee"],
)
def test_a_list_of_nothing_is_refused(key: str) -> None:
    refused(key, "[]")
