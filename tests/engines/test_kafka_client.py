"""The kafka-python engine: a partition of tumbling windows and its changelog without a broker, and real runs."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

from engines.configuration import values
from engines.kafka_client import configuration, engine, instructions
from engines.kafka_client.changelog import Restoration, State, commit, entry, tombstone
from engines.kafka_client.partition import Partition
from engines.protocol import Environment, Job, Topic
from tests.conformance.examples import EXAMPLES
from tests.waiting import wait_until
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
    value: bytes | None
    partition: int = 0


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
    return restoration.state()


def rows(windows: Partition, *records: Record) -> list[tuple[str, int, int]]:
    """(key, start, count) of the rows that became due."""
    made = [json.loads(value) for _, value in windows.process(records)]
    return [(row["key"], row["start"], row["count"]) for row in made]


def test_every_row_holds_its_windows_events_whatever_their_order():
    log = readings(2_000, seed=1)
    made = Partition(QUERY, State()).process(log)
    assert Counter(value.decode() for _, value in made) == Counter(expected(log))
    assert all(json.loads(value)["key"].encode() == key for key, value in made)


def test_a_window_is_due_when_the_watermark_reaches_its_end_and_not_before():
    windows = Partition(QUERY, State())
    assert rows(windows, record(0, "a", 500)) == []
    assert rows(windows, record(1, "b", SIZE_MS + DELAY_MS - 1)) == []
    assert rows(windows, record(2, "b", SIZE_MS + DELAY_MS)) == [("a", 0, 1)]


def test_an_event_for_a_window_that_is_closed_is_dropped_and_counted():
    windows = Partition(QUERY, State())
    rows(windows, record(0, "a", 500), record(1, "b", SIZE_MS + DELAY_MS))
    assert rows(windows, record(2, "a", 999), record(3, "b", 60_000)) == [("b", SIZE_MS, 1)]
    assert windows.counters() == {"late": 1, "broken": 0}


def test_windows_close_in_order_of_time_when_one_event_closes_several():
    windows = Partition(QUERY, State())
    assert rows(windows, record(0, "a", 1_200), record(1, "a", 900), record(2, "a", 9_000)) == [
        ("a", 0, 1),
        ("a", 1_000, 1),
    ]


BROKEN = (
    None,
    b"",
    b"oops",
    b"\xff",
    b"[" * 100_000,
    b"[1]",
    b"{}",
    b'{"id":1,"check":1,"sensor":"a","time":600}',
    b'{"id":1,"check":1,"sensor":"a","time":600,"temperature":null}',
    b'{"id":1,"check":1,"sensor":"a","time":600,"temperature":1.0}',
    b'{"id":1,"check":1,"sensor":"a","time":600,"temperature":true}',
    b'{"id":1,"check":1,"sensor":"a","time":"600","temperature":1}',
    b'{"id":1,"check":1,"sensor":7,"time":600,"temperature":1}',
    b'{"id":1,"check":1,"sensor":"\\ud800","time":600,"temperature":1}',
)


@pytest.mark.parametrize("value", BROKEN)
def test_a_record_that_is_no_event_is_skipped_logged_and_counted(value, caplog):
    windows = Partition(QUERY, State())
    assert rows(windows, record(0, "a", 500), Record(1, value, 3), record(2, "a", 9_000)) == [("a", 0, 1)]
    assert windows.offset == 3
    assert windows.counters() == {"late": 0, "broken": 1}
    assert windows.counters() == {"late": 0, "broken": 0}
    (line,) = caplog.messages
    assert line.startswith("skipped partition 3 offset 1, which is no event: ")


def test_a_flood_of_broken_records_is_counted_and_does_not_fill_the_log(caplog):
    windows = Partition(QUERY, State())
    windows.process([Record(offset, b"oops") for offset in range(1_000)])
    assert windows.counters()["broken"] == 1_000
    assert len(caplog.messages) == 20


def test_a_broken_record_is_behind_the_worker_once_committed():
    windows = Partition(QUERY, State())
    windows.process([Record(0, b"oops")])
    assert restored(windows.changes()) == State(offset=1)


def test_a_query_without_aggregates_of_its_own_still_has_its_audit():
    bare = replace(QUERY, shape=replace(QUERY.shape, aggregates=()))
    (row,) = Partition(bare, State()).process([record(0, "a", 0), record(1, "a", 9_000)])
    assert json.loads(row[1]) == {"key": "a", "start": 0, "end": 1_000, "count": 1, "ids": 0, "checks": 0}


def pane(key: str, start: int, offset: int, totals: list[int]) -> tuple[bytes, bytes | None]:
    return entry("pane", (start, key), offset, totals)


def test_the_changelog_has_open_windows_only_and_each_only_when_it_changed():
    windows = Partition(QUERY, State())
    windows.process([record(0, "a", 100), record(1, "a", 1_200), record(2, "b", 1_500)])
    # Window 0 came and went between two commits, and so never is in the changelog.
    *entries, last = windows.changes()
    assert sorted(entries) == [pane("a", 1_000, 3, [10, 10, 10, 1, 1, 7]), pane("b", 1_000, 3, [10, 10, 10, 1, 2, 14])]
    assert last == commit(3, 1_500)
    assert windows.changes() == []
    windows.process([record(3, "b", 1_600, 5)])
    assert windows.changes() == [pane("b", 1_000, 4, [15, 5, 10, 2, 5, 35]), commit(4, 1_600)]


def test_a_closed_windows_entry_goes_one_commit_after_the_one_that_closed_it():
    windows = Partition(QUERY, State())
    windows.process([record(0, "a", 100)])
    windows.changes()
    windows.process([record(1, "b", 2_000)])
    assert tombstone("pane", (0, "a")) not in windows.changes()
    windows.process([record(2, "b", 2_001)])
    assert tombstone("pane", (0, "a")) in windows.changes()


def test_a_window_that_the_last_commit_closed_goes_with_the_next_one():
    windows = Partition(QUERY, restored([pane("a", 0, 5, [1] * 6), commit(5, 10), commit(6, SIZE_MS + DELAY_MS)]))
    windows.process([record(6, "b", 2_000)])
    assert tombstone("pane", (0, "a")) in windows.changes()
    assert rows(windows, record(7, "b", 9_000)) == [("b", 2_000, 1)]


def test_an_empty_changelog_restores_to_an_empty_state():
    assert restored([]) == State(offset=None, latest=-1, entries={}, torn=frozenset())


def table(name: str, offset: int, state: object) -> tuple[bytes, bytes | None]:
    return entry("table", (name,), offset, state)


def test_what_a_crash_left_without_its_commit_is_passed_over():
    log = [table("a", 5, [1]), commit(5, 10), table("a", 9, [2]), table("b", 9, [3])]
    assert restored(log) == State(5, 10, {("table", "a"): [1]}, {("table", "a"), ("table", "b")})


def test_what_a_crash_left_stays_passed_over_until_the_commits_go_past_it():
    left = [table("a", 5, [1]), commit(5, 10), table("a", 9, [2]), table("b", 9, [3])]
    behind = [*left, table("c", 7, [4]), commit(7, 11)]
    assert restored(behind).entries == {("table", "a"): [1], ("table", "c"): [4]}
    past = [*behind, table("a", 12, [6]), commit(12, 13)]
    assert restored(past) == State(12, 13, {("table", "a"): [6], ("table", "b"): [3], ("table", "c"): [4]}, frozenset())


def test_an_entry_that_events_ended_stays_until_it_is_removed():
    log = [table("a", 5, [1]), commit(5, 10), table("a", 6, None), commit(6, 11)]
    assert restored(log).entries == {("table", "a"): None}
    assert restored([*log, tombstone("table", ("a",)), commit(7, 12)]).entries == {}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        name="readings",
        query=sensors.workload.query(sensors.workload.defaults),
        input=Topic("kafka", "127.0.0.1:1", "in", 4),
        output=Topic("kafka", "127.0.0.1:1", "out", 4),
        guarantee="exactly-once",
        mode="kafka-python",
        parallelism=2,
        interval_ms=1_000,
        memory_mb=1_024,
        directory=tmp_path,
    )


def settings(job: Job) -> dict[str, str]:
    return values(configuration.reported(job))


def test_every_guarantee_is_answered_and_an_unknown_mode_is_not(job):
    for guarantee in ("at-most-once", "at-least-once", "exactly-once"):
        for query in EXAMPLES.values():
            assert engine.support(query, guarantee, "kafka-python").kind != "unsupported"
    refused = engine.support(job.query, "exactly-once", "fast")
    assert refused.kind == "unsupported"
    assert "kafka-python" in refused.detail


def test_only_what_needs_no_memory_is_native_to_a_client_without_operators():
    kinds = {name: engine.support(query, "exactly-once", "kafka-python") for name, query in EXAMPLES.items()}
    assert [name for name, support in kinds.items() if support.kind == "native"] == ["project"]
    assert all(support.detail.startswith("by hand: ") for name, support in kinds.items() if name != "project")


def test_it_needs_an_environment_of_its_own_and_no_java():
    assert engine.environment == Environment(group="kafka-client", jars=(), java=None)


def test_each_worker_has_a_transactional_id_of_its_own_that_is_the_same_next_time(job):
    ids = [instructions(job, number)["producer"]["transactional_id"] for number in (0, 1, 0)]
    assert ids == ["readings-0", "readings-1", "readings-0"]
    plain = replace(job, guarantee="at-least-once")
    assert instructions(plain, 0)["producer"] == {"bootstrap_servers": "127.0.0.1:1"}


def test_its_changelog_is_told_what_the_cluster_would_not_give_it(job):
    foreign = replace(job, topic_settings={"retention.bytes": "-1", "cleanup.policy": "delete"})
    assert instructions(foreign, 0)["changelog_configs"] == {
        **instructions(job, 0)["changelog_configs"],
        "retention.bytes": "-1",
    }
    assert settings(foreign)["changelog retention.bytes"] == "-1"


def test_a_long_commit_interval_gets_a_longer_transaction_time_out(job):
    slow = replace(job, interval_ms=30_000)
    assert instructions(slow, 0)["producer"]["transaction_timeout_ms"] == 90_000
    assert settings(slow)["producer transaction_timeout_ms"] == "90000"


def test_time_outs_are_its_own_unless_they_are_to_be_tuned(job):
    told = settings(job)
    assert not {name for name in told if "timeout" in name or "heartbeat" in name}
    assert instructions(job, 0)["restore_timeout_s"] == 90.0
    tuned = replace(job, timeouts="tuned")
    changed = {
        "consumer session_timeout_ms": "6000",
        "consumer heartbeat_interval_ms": "2000",
        "producer transaction_timeout_ms": "6000",
    }
    assert settings(tuned) == told | changed
    assert instructions(tuned, 0)["consumer"]["session_timeout_ms"] == 6_000
    assert instructions(tuned, 0)["producer"]["transaction_timeout_ms"] == 6_000
    assert settings(replace(tuned, interval_ms=5_000))["producer transaction_timeout_ms"] == "15000"


@pytest.mark.java
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer):
    result = answer(engine)
    assert result.rows == result.expected
    assert all(key == row.encode() for key, row in result.row_keys)
    assert len(result.processes["worker"]) == 2


@pytest.mark.java
def test_a_record_that_is_no_event_is_counted_and_the_job_goes_on(site, make_job):
    job = make_job(engine)
    cluster = engine.open(site(engine))
    try:
        running = cluster.submit(job)
        running.wait_ready(60)
        assert running.counters() == {"late": 0, "broken": 0}
        producer = Producer({"bootstrap.servers": job.input.address})
        for partition in range(job.input.partitions):
            producer.produce(job.input.name, b"oops", b"sensor-0001", partition)
        assert producer.flush(30) == 0
        all_of_them = {"late": 0, "broken": job.input.partitions}
        wait_until(lambda: running.counters() == all_of_them, awaited=running.counters)
        assert running.failure() is None
    finally:
        cluster.close()


def test_over_librdkafka_settings_have_its_names_and_the_changelog_its_order(job):
    over = replace(job, mode="confluent-kafka")
    told = instructions(over, 1)
    assert told["library"] == "confluent-kafka"
    assert told["consumer"]["group.id"] == "readings"
    assert told["consumer"]["enable.auto.commit"] is False
    assert told["producer"]["transactional.id"] == "readings-1"
    weaker = instructions(replace(over, guarantee="at-least-once"), 1)["producer"]
    assert weaker == {"bootstrap.servers": "127.0.0.1:1", "enable.idempotence": True}


def test_a_users_own_settings_go_to_consumer_or_producer_as_the_library_takes_them(job):
    mine = {"consumer.fetch_min_bytes": "5000", "producer.compression_type": "lz4"}
    told = instructions(replace(job, options=mine), 0)
    assert told["consumer"]["fetch_min_bytes"] == 5000
    assert told["producer"]["compression_type"] == "lz4"
    over = replace(job, mode="confluent-kafka", options={"producer.linger.ms": "50"})
    assert instructions(over, 0)["producer"]["linger.ms"] == "50"


_LIST = """
from kafka import KafkaConsumer, KafkaProducer
for of, client in (("consumer", KafkaConsumer), ("producer", KafkaProducer)):
    for name in client.DEFAULT_CONFIG:
        print(f"{of}.{name}")
"""


@pytest.mark.java
def test_the_options_that_are_listed_are_those_of_the_library(site):
    asked = [site(engine).python, "-I", "-c", _LIST]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=60).stdout
    assert configuration.options("kafka-python").known == frozenset(said.split())
