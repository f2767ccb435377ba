"""What holds for the stream of every workload."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.conformance.reference import rows
from tests.workloads.made import BASE_MS, SEED, SEEDED, WORKLOADS, decoded, made, records
from workloads import control, keys
from workloads.profile import Profile
from workloads.query import Query, Sliding, Tumbling, Windowed
from workloads.stream import Segment
from workloads.workload import Unfit

pytestmark = pytest.mark.slow

RARE = {"nexmark-q2", "nexmark-q5", "nexmark-q7"}
"""One row a window, or a hundredth of the events, by their published definition."""

CUTS = given(some.sampled_from(SEEDED), some.lists(some.integers(0, 5000), min_size=1, max_size=40))


@pytest.mark.parametrize("name", SEEDED)
def test_the_same_seed_and_base_give_the_same_bytes_and_another_seed_gives_others(name: str) -> None:
    (query, events, _), (_, again, _), (_, other, _) = made(name, 500), made(name, 500), made(name, 500, seed=SEED + 1)
    assert records(query, events) == records(query, again)
    assert records(query, events) != records(query, other)


@CUTS
@settings(deadline=None, max_examples=60)
def test_any_cut_of_ids_gives_the_same_events(name: str, ids: list[int]) -> None:
    segment = Segment(0, 5001, BASE_MS, 900.0)
    workload = WORKLOADS[name]
    query = workload.query(workload.defaults)
    whole = workload.events(workload.defaults, 3, segment, np.arange(segment.count))
    cut = workload.events(workload.defaults, 3, segment, np.array(ids))
    assert records(query, cut) == records(query, whole.take(np.array(ids)))
    assert cut.labels is whole.labels


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.parametrize("first", [0, 30_000])
def test_events_have_the_columns_of_the_query_and_keep_its_bounds(name: str, first: int) -> None:
    workload = WORKLOADS[name]
    query = workload.query(workload.defaults)
    segment = Segment(first, 20_000, BASE_MS, 2000.0)
    events = workload.events(workload.defaults, SEED, segment, first + np.arange(20_000))
    integers = {column.name for column in query.columns if column.type == "integer"} - {query.time, "id", "check"}
    assert set(events.values) == integers
    assert [column.name for column in query.columns if column.type == "text"] == [query.key]
    for column in (*events.values.values(), events.keys, events.times):
        assert column.dtype == np.int64
        assert (column.min(), column.max() < 2**53) >= (0, True)
    assert events.keys.max() < len(events.labels)
    assert len(set(events.labels)) == len(events.labels)
    assert not [label for label in events.labels if label.startswith("~")]
    assert events.times.min() >= BASE_MS
    assert events.times.max() < BASE_MS + segment.duration_ms
    behind = np.maximum.accumulate(events.times) - events.times
    late = np.count_nonzero(behind > query.watermark_delay_ms)
    assert late == 0 if name != "late-sensors" else late > 0.01 * len(behind)


@pytest.mark.parametrize("name", SEEDED)
def test_where_order_matters_no_key_is_reordered_although_the_stream_is(name: str) -> None:
    query, events, _ = made(name, 20_000)
    by_key = np.lexsort((events.ids, events.keys))
    backwards = (np.diff(events.times[by_key]) < 0) & (np.diff(events.keys[by_key]) == 0)
    assert not backwards.any() if query.ordered or query.deduplicate else True
    if WORKLOADS[name].defaults.get("disorder_ms"):
        assert np.any(np.diff(events.times) < 0)


@pytest.mark.parametrize("rate", [400.0, 2000.0])
@pytest.mark.parametrize("name", SEEDED)
def test_the_answer_is_neither_empty_nor_out_of_proportion(name: str, rate: float) -> None:
    query, events, _ = made(name, 4000, rate)
    count = len(rows(query, decoded(query, events)))
    assert count > 0
    assert name in RARE or 0.02 <= count / 4000 <= 3


@pytest.mark.parametrize("name", [name for name in SEEDED if name not in RARE])
def test_at_the_rate_of_a_backlog_the_answer_is_in_proportion_too(name: str) -> None:
    query, events, _ = made(name, 8000, 20_000.0)
    assert len(rows(query, decoded(query, events))) / 8000 <= 3


@pytest.mark.parametrize("name", SEEDED)
def test_twenty_seconds_have_twenty_closings(name: str) -> None:
    workload = WORKLOADS[name]
    query = workload.query({**workload.defaults, **({"window_ms": 1000} if name == "sensors" else {})})
    match query.time_window:
        case Tumbling(size_ms=step) | Sliding(slide_ms=step):
            assert 20_000 / step >= 20
        case _:
            assert query.settle_ms <= 20_000


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_query_is_data_and_can_be_closed(name: str) -> None:
    workload = WORKLOADS[name]
    query = workload.query(workload.defaults)
    assert Query.from_json(query.to_json()) == query
    assert control.closing(query)
    control.heartbeat(query)


@pytest.mark.parametrize("name", [name for name in SEEDED if "law" in WORKLOADS[name].defaults])
@pytest.mark.parametrize("law", keys.LAWS)
def test_every_key_law_fits_every_workload_that_has_one(name: str, law: str) -> None:
    _, events, _ = made(name, 2000, law=law, keys=20)
    assert events.keys.max() < 20
    with pytest.raises(Unfit, match="no key law 'pareto'"):
        made(name, 10, law="pareto")


def test_late_events_are_at_most_sixteen_a_key_and_window_at_any_rate() -> None:
    for rate in (200.0, 2000.0, 20_000.0):
        query, events, _ = made("late-sensors", 60_000, rate)
        late = np.maximum.accumulate(events.times) - events.times > query.watermark_delay_ms
        assert isinstance(query.shape, Windowed) and isinstance(query.shape.window, Tumbling)
        windows = events.times[late] // query.shape.window.size_ms
        assert max(Counter(zip(events.keys[late].tolist(), windows.tolist(), strict=True)).values()) <= 16


@pytest.mark.parametrize("kind", ["constant", "step", "burst", "on-off"])
def test_a_payment_is_sent_again_within_its_time_at_any_rate_profile(kind: str) -> None:
    workload = WORKLOADS["payments"]
    segment = Segment(500, 20_000, BASE_MS, 2000.0, Profile(kind).curve(10.0))
    events = workload.events(workload.defaults, SEED, segment, 500 + np.arange(20_000))
    payments = events.values["payment"]
    again = payments != events.ids
    assert 0.05 < again.mean() < 0.15
    assert payments.min() >= 500
    source = payments[again] - 500
    assert not again[source].any()
    assert (events.keys[again] == events.keys[source]).all()
    assert (events.values["amount"][again] == events.values["amount"][source]).all()
    assert (events.times[again] - events.times[source]).max() < workload.defaults["within_ms"]


def test_clicks_mostly_find_their_impression() -> None:
    query, events, _ = made("ad-clicks", 8000)
    found = decoded(query, events)
    clicks = sum(event["kind"] for event in found)
    pairs = [row for row in rows(query, found) if row["shown"] == row["clicked"]]
    assert 0.3 < len(pairs) / clicks < 1
