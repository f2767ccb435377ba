"""The kafka-python engine: its windows and its changelog without a broker, and real runs."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

from engines.kafka_client import engine, instructions, settings
from engines.kafka_client.changelog import Restoration, State, commit, entry, tombstone
from engines.kafka_client.windows import Windows
from engines.protocol import Environment, Job, Topic
from workloads import sensors
from workloads.query import Aggregate, Column, Query, Tumbling, Windowed

SIZE_MS = 1_000
DELAY_MS = 300

QUERY = Query(
    columns=(
        Column("id", "integer"),
        Column("check", "integer"),
        Column("sensor", "text"),
        Column("time", "integer"),
        Column("temperature", "integer"),
    ),
    time="time",
    key="sensor",
    shape=Windowed(
        Tumbling(SIZE_MS),
        (
            Aggregate("sum", "sum", "temperature"),
            Aggregate("min", "min", "temperature"),
            Aggregate("max", "max", "temperature"),
        ),
    ),
    watermark_delay_ms=DELAY_MS,
)


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes


def record(offset: int, key: str, at: int, temperature: int = 10) -> Record:
    event = {"id": offset, "check": 7 * offset, "sensor": key, "time": at, "temperature": temperature}
    return Record(offset, json.dumps(event).encode())


def readings(count: int, seed: int) -> list[Record]:
    """Out of order by less than the delay, then one event that closes all windows."""
    rng = random.Random(seed)
    made = [
        record(offset, f"s{rng.randrange(5)}", 10_000 + offset * 20 - rng.randrange(DELAY_MS), rng.randrange(100))
        for offset in range(count)
    ]
    return [*made, record(count, "~close", 10_000 + count * 20 + 60_000)]


def expected(log: list[Record]) -> set[str]:
    """Every row that is due at the end of the log, each worked out from all of its events."""
    groups: dict[tuple[str, int], list[dict]] = {}
    for one in log[:-1]:
        event = json.loads(one.value)
        groups.setdefault((event["sensor"], event["time"] - event["time"] % SIZE_MS), []).append(event)
    return {
        json.dumps(
            {
                "key": key,
                "start": start,
                "end": start + SIZE_MS,
                "sum": sum(event["temperature"] for event in members),
                "min": min(event["temperature"] for event in members),
                "max": max(event["temperature"] for event in members),
                "count": len(members),
                "ids": sum(event["id"] for event in members),
                "checks": sum(event["check"] for event in members),
            },
            separators=(",", ":"),
        )
        for (key, start), members in groups.items()
    }


def restored(records: list) -> State:
    restoration = Restoration()
    for key, value in records:
        restoration.take(key, value)
    return restoration.state(SIZE_MS, DELAY_MS)


def rows(windows: Windows, *records: Record) -> list[tuple[str, int, int]]:
    """(key, start, count) of the rows that became due."""
    made = [json.loads(value) for _, value in windows.process(records)]
    return [(row["key"], row["start"], row["count"]) for row in made]


def test_every_row_holds_its_windows_events_whatever_their_order():
    log = readings(2_000, seed=1)
    made = Windows(QUERY, State()).process(log)
    assert Counter(value.decode() for _, value in made) == Counter(expected(log))
    assert all(json.loads(value)["key"].encode() == key for key, value in made)


def test_a_window_is_due_when_the_watermark_reaches_its_end_and_not_before():
    windows = Windows(QUERY, State())
    assert rows(windows, record(0, "a", 500)) == []
    assert rows(windows, record(1, "b", SIZE_MS + DELAY_MS - 1)) == []
    assert rows(windows, record(2, "b", SIZE_MS + DELAY_MS)) == [("a", 0, 1)]


def test_an_event_for_a_window_that_is_closed_is_dropped():
    windows = Windows(QUERY, State())
    rows(windows, record(0, "a", 500), record(1, "b", SIZE_MS + DELAY_MS))
    assert rows(windows, record(2, "a", 999), record(3, "b", 60_000)) == [("b", SIZE_MS, 1)]


def test_windows_close_in_order_of_time_when_one_event_closes_several():
    windows = Windows(QUERY, State())
    assert rows(windows, record(0, "a", 1_200), record(1, "a", 900), record(2, "a", 9_000)) == [
        ("a", 0, 1),
        ("a", 1_000, 1),
    ]


def test_an_event_without_the_querys_columns_is_an_error():
    with pytest.raises(KeyError, match="time"):
        Windows(QUERY, State()).process([Record(0, b"{}")])


def test_a_query_without_aggregates_of_its_own_still_has_its_audit():
    bare = replace(QUERY, aggregates=())
    (row,) = Windows(bare, State()).process([record(0, "a", 0), record(1, "a", 9_000)])
    assert json.loads(row[1]) == {"key": "a", "start": 0, "end": 1_000, "count": 1, "ids": 0, "checks": 0}


def test_the_changelog_has_open_windows_only_and_each_only_when_it_changed():
    windows = Windows(QUERY, State())
    windows.process([record(0, "a", 100), record(1, "a", 1_200), record(2, "b", 1_500)])
    # Window 0 came and went between two commits, and so never is in the changelog.
    *entries, last = windows.changes()
    assert sorted(entries) == [
        entry(("a", 1_000), 3, [10, 10, 10, 1, 1, 7]),
        entry(("b", 1_000), 3, [10, 10, 10, 1, 2, 14]),
    ]
    assert last == commit(3, 1_500)
    assert windows.changes() == []
    windows.process([record(3, "b", 1_600, 5)])
    assert windows.changes() == [entry(("b", 1_000), 4, [15, 5, 10, 2, 5, 35]), commit(4, 1_600)]


def test_a_closed_windows_entry_goes_one_commit_after_the_one_that_closed_it():
    windows = Windows(QUERY, State())
    windows.process([record(0, "a", 100)])
    windows.changes()
    windows.process([record(1, "b", 2_000)])
    assert tombstone(("a", 0)) not in windows.changes()
    windows.process([record(2, "b", 2_001)])
    assert tombstone(("a", 0)) in windows.changes()


def test_an_empty_changelog_restores_to_an_empty_state():
    assert restored([]) == State(offset=None, latest=-1, open={}, closed=[])


def test_what_a_crash_left_without_its_commit_is_passed_over():
    log = [entry(("a", 0), 5, [1]), commit(5, 10), entry(("a", 0), 9, [2]), entry(("b", 0), 9, [3])]
    assert restored(log) == State(5, 10, {0: {"a": [1]}}, [])


def test_what_a_crash_left_stays_passed_over_until_the_commits_go_past_it():
    left = [entry(("a", 0), 5, [1]), commit(5, 10), entry(("a", 0), 9, [2]), entry(("b", 0), 9, [3])]
    behind = [*left, entry(("c", 0), 7, [4]), commit(7, 11)]
    assert restored(behind) == State(7, 11, {0: {"a": [1], "c": [4]}}, [])
    past = [*behind, entry(("a", 0), 12, [6]), commit(12, 13)]
    assert restored(past).open == {0: {"a": [6], "b": [3], "c": [4]}}


def test_a_window_that_the_last_commit_closed_is_not_open_and_awaits_its_removal():
    log = [entry(("a", 0), 5, [1]), commit(5, 10), commit(6, SIZE_MS + DELAY_MS)]
    assert restored(log) == State(6, SIZE_MS + DELAY_MS, {}, [("a", 0)])
    assert restored([*log, tombstone(("a", 0)), commit(7, 1_400)]) == State(7, 1_400, {}, [])


@pytest.mark.parametrize("seed", range(20))
def test_after_any_crashes_rows_are_missing_nowhere_and_never_differ(seed):
    """At-least-once without a broker: workers die at random, some of them in the middle of writing the changelog."""
    rng = random.Random(seed)
    log = readings(1_500, seed)
    changelog: list = []
    delivered: Counter[str] = Counter()
    crashes = 0
    while True:
        state = restored(changelog)
        windows = Windows(QUERY, state)
        position = state.offset or 0
        for _ in range(rng.randrange(1, 8)):
            batch = log[position : position + rng.randrange(1, 80)]
            position += len(batch)
            delivered.update(value.decode() for _, value in windows.process(batch))
            if rng.random() < 0.5:
                changelog += windows.changes()
        if position == len(log):
            break
        batch = log[position : position + rng.randrange(1, 80)]
        delivered.update(value.decode() for _, value in windows.process(batch))
        torn = windows.changes()
        changelog += torn[: rng.randrange(len(torn))]
        crashes += 1
    assert crashes > 3
    assert set(delivered) == expected(log)


@pytest.mark.parametrize("seed", range(5))
def test_where_rows_and_changelog_are_committed_together_each_row_comes_once(seed):
    rng = random.Random(seed)
    log = readings(1_500, seed)
    changelog: list = []
    delivered: Counter[str] = Counter()
    while (state := restored(changelog)).offset != len(log):
        windows = Windows(QUERY, state)
        position = state.offset or 0
        for _ in range(rng.randrange(1, 4)):
            batch = log[position : position + rng.randrange(1, 80)]
            position += len(batch)
            uncommitted = [value.decode() for _, value in windows.process(batch)]
            if rng.random() < 0.3:
                break
            delivered.update(uncommitted)
            changelog += windows.changes()
    assert delivered == Counter(expected(log))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        name="readings",
        query=sensors.workload.query(sensors.workload.defaults),
        input=Topic("kafka", "127.0.0.1:1", "in", 4),
        output=Topic("kafka", "127.0.0.1:1", "out", 4),
        guarantee="exactly-once",
        mode="group",
        parallelism=2,
        interval_ms=1_000,
        memory_mb=1_024,
        directory=tmp_path,
    )


def test_every_guarantee_is_answered_and_an_unknown_mode_is_not(job):
    for guarantee in ("at-most-once", "at-least-once", "exactly-once"):
        assert engine.support(job.query, guarantee, "group").kind == "emulated"
    refused = engine.support(job.query, "exactly-once", "fast")
    assert refused.kind == "unsupported"
    assert "group" in refused.detail


def test_it_needs_an_environment_of_its_own_and_no_java():
    assert engine.environment == Environment(group="kafka-client", jars=(), java=None)


def test_each_worker_has_a_transactional_id_of_its_own_that_is_the_same_next_time(job):
    ids = [instructions(job, number)["producer"]["transactional_id"] for number in (0, 1, 0)]
    assert ids == ["readings-0", "readings-1", "readings-0"]
    plain = replace(job, guarantee="at-least-once")
    assert instructions(plain, 0)["producer"] == {"bootstrap_servers": "127.0.0.1:1"}


def test_a_long_commit_interval_gets_a_longer_transaction_time_out(job):
    assert instructions(job, 0)["producer"]["transaction_timeout_ms"] == 10_000
    slow = replace(job, interval_ms=10_000)
    assert instructions(slow, 0)["producer"]["transaction_timeout_ms"] == 30_000
    assert settings(slow)["KafkaProducer.transaction_timeout_ms"] == "30000"


@pytest.mark.java
@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once", "at-most-once"])
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer, guarantee):
    result = answer(engine, guarantee)
    assert result.rows == result.expected
    assert all(key == row.encode() for key, row in result.row_keys)
    assert len(result.processes["worker"]) == 2


@pytest.mark.java
def test_an_event_that_is_not_json_ends_the_job_and_its_failure_says_so(site, make_job):
    job = make_job(engine)
    cluster = engine.open(site(engine))
    try:
        running = cluster.submit(job)
        running.wait_ready(60)
        assert running.failure() is None
        producer = Producer({"bootstrap.servers": job.input.location})
        producer.produce(job.input.name, b"oops", b"sensor-0001", 0)
        assert producer.flush(30) == 0
        deadline = time.monotonic() + 60
        while running.failure() is None:
            assert time.monotonic() < deadline, "the job still runs"
            time.sleep(0.1)
        assert "JSONDecodeError" in running.failure().what
    finally:
        cluster.close()
