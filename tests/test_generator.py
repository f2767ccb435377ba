"""The load generator: what it sends, when, and what it records of it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.instruments.encoder import Encoder, split
from harness.instruments.generator import Generator, closing_keys, told_segment
from tests import generated_load
from tests.conformance.hostile import renamings
from tests.generated_load import committed
from workloads.control import ControlEvent
from workloads.profile import Profile
from workloads.sensors import workload
from workloads.stream import CONTROL_IDS, Segment, checks, partition_of

BASE_MS = 1_795_000_020_000
PARAMETERS = dict(workload.defaults) | {"keys": 50, "window_ms": 1000}
QUERY = workload.query(PARAMETERS)


@pytest.fixture
def generator(tmp_path: Path):
    with generated_load.generator(tmp_path, "sensors", PARAMETERS) as made:
        yield made


def test_an_event_carries_every_column_its_check_and_goes_to_its_keys_partition():
    events = workload.events(PARAMETERS, 7, Segment(0, 300, BASE_MS, 1000.0), np.arange(300))
    rows = Encoder(QUERY, 4).rows(events)
    decoded = [json.loads(value) for value in rows.values]
    assert [event["id"] for event in decoded] == list(range(300))
    assert [event["check"] for event in decoded] == checks(np.arange(300)).tolist()
    assert [event["time"] for event in decoded] == events.times.tolist()
    assert [event["temperature"] for event in decoded] == events.values["temperature"].tolist()
    assert [event["sensor"].encode() for event in decoded] == rows.keys
    assert [partition_of(event["sensor"], 4) for event in decoded] == rows.partitions


def test_shares_and_splits_hold_the_same_rows_in_planned_order():
    events = workload.events(PARAMETERS, 7, Segment(0, 300, BASE_MS, 1000.0), np.arange(300))
    encoder = Encoder(QUERY, 4)
    by_partition = {share.partition: share.values for share in encoder.shares(events)}
    assert {share.partition: share.values for share in split(encoder.rows(events), 0, 300)} == by_partition
    for values in by_partition.values():
        ids = [json.loads(value)["id"] for value in values]
        assert ids == sorted(ids)


def test_paced_events_are_never_early_and_every_hand_over_is_recorded(generator: Generator, tmp_path: Path):
    segment = Segment(0, 600, BASE_MS, 1000.0)
    start_ns = time.monotonic_ns() + 100_000_000
    generator.paced("paced", segment, 1000.0, start_ns)
    events = [event for _partition, event in committed(tmp_path)]
    data = [event["id"] for event in events if event["id"] < CONTROL_IDS]
    assert sorted(data) == list(range(600))
    sends = [row for part in sorted((tmp_path / "sends").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    handed_over = []
    for send in sends:
        ids = np.arange(send["first_id"], send["first_id"] + send["count"])
        handed_over += ids.tolist()
        assert send["sent_ns"] >= start_ns + int(segment.offsets_ns(ids)[-1])
    assert handed_over == list(range(600))


def test_paced_events_follow_a_rate_profile(generator: Generator, tmp_path: Path):
    segment = Segment(0, 400, BASE_MS, 960.0, Profile("on-off", share=0.25, period_s=0.4).curve(0.4))
    start_ns = time.monotonic_ns() + 100_000_000
    generator.paced("paced", segment, 1000.0, start_ns)
    sends = [row for part in sorted((tmp_path / "sends").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    assert sum(send["count"] for send in sends) == 400
    for send in sends:
        ids = np.arange(send["first_id"], send["first_id"] + send["count"])
        assert send["sent_ns"] >= start_ns + int(segment.planned_ns(ids, 1000.0)[-1])
    # All of them are due in the first quarter.
    assert segment.planned_ns(np.array([399]), 1000.0)[0] < 100_000_000
    times = sorted(event["time"] for _, event in committed(tmp_path) if event["id"] < CONTROL_IDS)
    assert times[-1] < BASE_MS + 100 / 0.96


def test_a_segment_that_was_told_as_json_is_the_same():
    segment = Segment(3, 400, BASE_MS, 960.0, Profile("sine").curve(10.0))
    told = json.loads(json.dumps({"segment": asdict(segment)}))
    assert told_segment(told) == segment
    assert told_segment({"segment": {"first": 0, "count": 1, "base_ms": 0, "rate": 1.0}}) == Segment(0, 1, 0, 1.0)


def test_a_heartbeat_goes_to_every_partition_each_second_behind_the_events(generator: Generator, tmp_path: Path):
    generator.paced("paced", Segment(0, 1200, BASE_MS, 800.0), 1000.0, time.monotonic_ns())
    beats = [(p, e) for p, e in committed(tmp_path) if e["sensor"].startswith("~heartbeat")]
    assert sorted(p for p, _ in beats) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {e["time"] for _, e in beats} == {BASE_MS, BASE_MS + 1250 - 500}
    assert all(e["id"] >= CONTROL_IDS and e["temperature"] == 0 for _, e in beats)


def test_a_heartbeat_never_overtakes_events_of_a_generator_that_is_behind(generator: Generator, tmp_path: Path):
    # As if the generator had stood still for nearly four seconds.
    start_ns = time.monotonic_ns() - 3_900_000_000
    generator.paced("paced", Segment(0, 4000, BASE_MS, 960.0), 1000.0, start_ns)
    beats = 0
    for partition in range(4):
        newest_ms = BASE_MS
        events = [event for number, event in committed(tmp_path) if number == partition]
        for event in events:
            if event["sensor"].startswith("~heartbeat"):
                beats += 1
                # It lags by the disorder; what it may not do is lead what was sent before it.
                assert event["time"] <= newest_ms + 1
            elif event["id"] < CONTROL_IDS:
                newest_ms = max(newest_ms, event["time"])
    assert beats == 4 * 4


def test_a_backlog_is_invisible_until_it_is_committed(generator: Generator, tmp_path: Path):
    generator.backlog("drain-1", Segment(0, 12_000, BASE_MS, 5000.0))
    assert committed(tmp_path) == []
    generator.commit()
    events = committed(tmp_path)
    assert sorted(e["id"] for _, e in events if e["id"] < CONTROL_IDS) == list(range(12_000))
    for partition in range(4):
        ids = [e["id"] for p, e in events if p == partition and e["id"] < CONTROL_IDS]
        assert ids == sorted(ids)


def test_a_closing_round_reaches_every_partition_with_every_closing_key(generator: Generator, tmp_path: Path):
    generator.close_round(BASE_MS + 60_000)
    events = committed(tmp_path)
    assert sorted(e["sensor"] for _, e in events) == sorted(closing_keys(4))
    assert {p for p, _ in events} == {0, 1, 2, 3}
    assert {e["time"] for _, e in events} == {BASE_MS + 60_000}


def test_the_same_seed_gives_the_same_events_from_any_offset():
    segment = Segment(0, 1000, BASE_MS, 1000.0)
    whole = workload.events(PARAMETERS, 7, segment, np.arange(1000))
    part = workload.events(PARAMETERS, 7, segment, np.arange(400, 410))
    assert part.times.tolist() == whole.times[400:410].tolist()
    assert part.keys.tolist() == whole.keys[400:410].tolist()
    other = workload.events(PARAMETERS, 8, segment, np.arange(1000))
    assert other.keys.tolist() != whole.keys.tolist()


def test_disorder_stays_within_its_bound_and_keys_follow_zipfs_law():
    segment = Segment(0, 50_000, BASE_MS, 5000.0)
    events = workload.events(PARAMETERS, 7, segment, np.arange(50_000))
    lateness = BASE_MS + segment.offsets_ns(events.ids) // 1_000_000 - events.times
    assert lateness.min() >= 0
    assert lateness.max() == PARAMETERS["disorder_ms"]
    counts = np.bincount(events.keys, minlength=50)
    harmonic = sum(1 / rank for rank in range(1, 51))
    expected = 50_000 / harmonic
    assert abs(counts[0] - expected) < 5 * expected**0.5


def test_an_event_has_the_columns_names_whatever_they_are() -> None:
    for renaming in renamings(QUERY):
        query = renaming.query(QUERY)
        events = workload.events(PARAMETERS, 7, Segment(0, 3, BASE_MS, 1000.0), np.arange(3))
        values = {renaming.columns[name]: column for name, column in events.values.items()}
        encoder = Encoder(query, 4)
        for value in encoder.rows(replace(events, values=values)).values:
            assert list(json.loads(value)) == [column.name for column in query.columns]
        key, value = encoder.control("~close", 5, 1234, ControlEvent(6, {renaming.columns["temperature"]: 7}))
        assert json.loads(value) == {
            "id": 5,
            "check": int(checks(np.array([5]))[0]),
            query.key: key.decode(),
            query.time: 1240,
            renaming.columns["temperature"]: 7,
        }
