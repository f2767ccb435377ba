"""How large columns get, what that makes of sums, and that a narrowed sum is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.conformance.examples import EXAMPLES
from tests.workloads.made import BASE_MS, SEED, SEEDED, WORKLOADS, made
from workloads.bounds import Bounded, Largest, Load, overflow, steepest
from workloads.oracle import expected
from workloads.profile import Profile
from workloads.query import (
    Aggregate,
    Count,
    Linear,
    Query,
    Running,
    Session,
    Sliding,
    Tumbling,
    Until,
    Windowed,
)
from workloads.stream import CHECK_BITS, Segment, checks

MANY = 200_000
TOTAL = Aggregate("total", "sum", "amount")


def computed(query: Query) -> set[str]:
    """The columns that a query adds up or derives others from."""
    shape = query.shape
    outputs = shape.aggregates if isinstance(shape, Windowed | Running) else ()
    sources = {column for linear in query.derived for column, _ in linear.weights}
    return sources | {each.column for each in outputs if each.function == "sum"} - {each.name for each in query.derived}


@pytest.mark.parametrize("name", SEEDED)
def test_no_value_is_larger_than_its_workload_says_and_one_comes_near(name: str) -> None:
    workload = WORKLOADS[name]
    query, events, _ = made(name, MANY)
    largest = workload.largest(workload.defaults) if isinstance(workload, Bounded) else {}
    assert computed(query) == largest.keys()
    for column, bound in largest.items():
        seen = int(events.values[column].max())
        assert 0.99 * bound.value <= seen <= bound.value, column


@pytest.mark.parametrize("name", SEEDED)
def test_every_workload_fits_at_any_load_that_a_machine_bears(name: str) -> None:
    workload = WORKLOADS[name]
    largest = workload.largest(workload.defaults) if isinstance(workload, Bounded) else {}
    assert overflow(workload.query(workload.defaults), largest, Load(2_000_000, 20_000_000, 500)) is None


def test_a_check_stays_below_its_bits() -> None:
    drawn = checks(np.arange(MANY, dtype=np.int64))
    assert 0.99 * 2**CHECK_BITS < drawn.max() < 2**CHECK_BITS


@pytest.mark.parametrize(
    ("shape", "events"),
    [
        (Windowed(Tumbling(2000), (TOTAL,)), 200),
        (Windowed(Sliding(3000, 1000), (TOTAL,)), 300),
        (Windowed(Session(1), (TOTAL,)), 5000),
        (Windowed(Until(EXAMPLES["until"].shape.window.condition), (TOTAL,)), 5000),
        (Windowed(Count(40, 20), (TOTAL,)), 40),
        (Running((TOTAL,)), 5000),
    ],
)
def test_a_sum_is_refused_from_the_value_on_with_which_it_would_leave_64_bits(shape, events: int) -> None:
    query, load = replace(EXAMPLES["tumbling"], shape=shape), Load(100, 5000)
    most = (2**63 - 1) // events
    assert overflow(query, {"amount": Largest(most)}, load) is None
    why = overflow(query, {"amount": Largest(most + 1)}, load)
    assert why is not None
    assert why.startswith("the sum of column 'amount': its largest value, ")
    assert why.endswith("is 9.22e+18, which is not below 2**63")


def test_more_events_fall_into_a_window_where_they_are_out_of_order_and_where_the_rate_is_highest() -> None:
    query = EXAMPLES["tumbling"]
    assert overflow(query, {"amount": Largest(2**62)}, Load(1, 9, 0)) is None
    assert overflow(query, {"amount": Largest(2**62)}, Load(1, 9, 1)) is not None
    assert overflow(query, {"amount": Largest(2**62)}, Load(1, 1, 500)) is None, "no more than there are"
    assert steepest(()) == 1
    assert steepest(Profile("step", factor=3, at=0.5).curve(10)) == pytest.approx(1.5)
    assert steepest(Profile("on-off", share=0.2, period_s=5).curve(20)) == pytest.approx(5)


def test_no_window_has_more_events_than_are_reckoned_with() -> None:
    for rate, size in ((997.0, 100), (2047.0, 1000), (333.3, 7)):
        times = Segment(0, 20_000, BASE_MS, rate).due_ms(np.arange(20_000))
        assert np.bincount((times - BASE_MS) // size).max() <= Load(rate, 20_000).within(size)[0]


def test_the_sums_of_the_audit_count_too() -> None:
    query = EXAMPLES["running"]
    assert overflow(query, {}, Load(1, 2**31)) is None
    assert "the sum of ids" in (overflow(query, {}, Load(1, 2**32)) or "")
    assert "the sum of ids" in (overflow(EXAMPLES["tumbling"], {}, Load(2.0**33, 2**33)) or "")


def test_a_derived_column_is_bounded_on_the_way_and_in_a_sum() -> None:
    query = replace(
        EXAMPLES["score-window"], derived=(Linear("score", (("amount", 4), ("kind", -1)), constant=9, divisor=1000),)
    )
    small = {"kind": Largest(2)}
    assert overflow(query, {"amount": Largest(2**53), **small}, Load(100, 1000)) is None
    assert overflow(query, {"amount": Largest(2**61), **small}, Load(100, 1000)) == (
        "derived column 'score' may become 9.22e+18, which is not below 2**63"
    )
    assert (overflow(query, {"amount": Largest(2**60), **small}, Load(1e6, 10**9)) or "").startswith(
        "derived column 'score': its largest value, "
    )


def test_of_a_workload_that_does_not_say_only_the_audit_is_looked_at() -> None:
    assert overflow(EXAMPLES["tumbling"], {}, Load(1e6, 10**9)) is None


@pytest.mark.parametrize(
    "narrowed",
    [np.int32, np.uint32, np.float32, np.int16, np.float16],
)
@pytest.mark.parametrize("field", ["sum", "min", "max"])
@pytest.mark.parametrize("rate", [1000.0, 5000.0])
def test_no_sum_lowest_or_highest_of_sensors_fits_into_fewer_bits(rate: float, field: str, narrowed: Callable) -> None:
    """Windows of a second, as the suites have: nearly each row is wrong in whoever narrows one."""
    workload = WORKLOADS["sensors"]
    parameters = {**workload.defaults, "window_ms": 1000}
    ids = np.arange(int(rate * 5))
    events = workload.events(parameters, SEED, Segment(0, len(ids), BASE_MS, rate), ids)
    right = expected(workload.query(parameters), [events])[field].to_numpy()
    with np.errstate(all="ignore"):
        kept = right.astype(narrowed)
    wrong = kept.astype(np.float64) != right
    assert len(right) > 1000
    assert right.max() < 2**53
    assert np.mean(wrong) > 0.99
