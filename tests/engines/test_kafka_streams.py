"""Kafka Streams as an engine: what it promises, what it is told, and real runs."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer

from engines.configuration import values
from engines.java_classes import compiled
from engines.kafka_streams import MAIN, SOURCES, application, configuration, engine
from engines.protocol import EngineFailure, Environment, Job, Site, Topic
from tests.waiting import wait_until
from workloads import sensors
from workloads.query import (
    Condition,
    Count,
    Deduplicate,
    Project,
    Session,
    Sliding,
    StateMachine,
    Top,
    Transition,
    Until,
)
from workloads.query import Running as RunningTotals


def streams_config(job: Job) -> dict[str, str]:
    return values(configuration.streams(job))


def told(job: Job) -> dict[str, str]:
    return values(configuration.reported(job))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(
        name="readings",
        query=sensors.workload.query(sensors.workload.defaults),
        input=Topic("kafka", "127.0.0.1:1", "in", 4),
        output=Topic("kafka", "127.0.0.1:1", "out", 4),
        guarantee="exactly-once",
        mode="retention-1h",
        parallelism=2,
        interval_ms=1_000,
        memory_mb=1_024,
        directory=tmp_path,
    )


def test_at_most_once_is_refused_by_the_name_of_the_setting_that_lacks_it(job):
    support = engine.support(job.query, "at-most-once", job.mode)
    assert support.kind == "unsupported"
    assert "processing.guarantee" in support.detail


def test_an_unknown_mode_is_refused_with_the_modes_there_are(job):
    support = engine.support(job.query, "exactly-once", "fast")
    assert support.kind == "unsupported"
    assert "retention-1h, default-retention" in support.detail


def test_both_guarantees_are_native_in_every_mode(job):
    for mode in engine.modes:
        for guarantee in ("at-least-once", "exactly-once"):
            assert engine.support(job.query, guarantee, mode).kind == "native"


def test_its_own_topics_are_told_what_the_cluster_would_not_give_them(job):
    assert not any(name.startswith("topic.") for name in streams_config(job))
    foreign = dataclasses.replace(job, topic_settings={"message.timestamp.after.max.ms": "9"})
    assert streams_config(foreign)["topic.message.timestamp.after.max.ms"] == "9"
    assert configuration.reported(foreign)["topic.message.timestamp.after.max.ms"].because


def shaped(job: Job, **changes: object) -> Job:
    """The job with another window, or another shape, or deduplication."""
    window = changes.pop("window", None)
    if window is not None:
        changes["shape"] = dataclasses.replace(job.query.shape, window=window)
    return dataclasses.replace(job, query=dataclasses.replace(job.query, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"window": Sliding(4_000, 1_000)},
        {"window": Session(200)},
        {"shape": RunningTotals(())},
        {"shape": Project(("temperature",))},
    ],
    ids=["sliding", "session", "running", "project"],
)
def test_what_the_dsl_has_a_word_for_is_native(job, changes):
    assert engine.support(shaped(job, **changes).query, "exactly-once", job.mode).kind == "native"


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"window": Count(5, 5)}, "Processor API"),
        ({"window": Until(Condition("temperature", "=", 0))}, "Processor API"),
        ({"shape": StateMachine("temperature", (Transition(0, 1, 0, 1),), 1_000)}, "Processor API"),
        ({"deduplicate": Deduplicate(("temperature",), 100)}, "window store of first events"),
    ],
    ids=["count", "until", "machine", "deduplicate"],
)
def test_what_the_dsl_has_no_word_for_says_what_stands_in(job, changes, how):
    support = engine.support(shaped(job, **changes).query, "exactly-once", job.mode)
    assert support.kind == "emulated"
    assert how in support.detail


def test_a_query_with_two_emulations_names_both(job):
    top = dataclasses.replace(job.query.shape, top=Top(3, "temperature", "count"))
    both = shaped(job, shape=top, deduplicate=Deduplicate(("temperature",), 100))
    detail = engine.support(both.query, "exactly-once", job.mode).detail
    assert "first events" in detail
    assert "ranked as the window closes" in detail


def test_settings_hold_what_differs_from_the_default_and_nothing_else(job):
    assert streams_config(job) == {
        "rocksdb.config.setter": "BoundedRocksDB",
        "commit.interval.ms": "1000",
        "processing.guarantee": "exactly_once_v2",
    }
    at_its_default = dataclasses.replace(job, interval_ms=100)
    assert "commit.interval.ms" not in streams_config(at_its_default)


def test_a_long_commit_interval_gets_a_longer_transaction_time_out(job):
    slow = dataclasses.replace(job, interval_ms=10_000)
    assert streams_config(slow)["producer.transaction.timeout.ms"] == "30000"


def test_time_outs_are_its_own_unless_they_are_to_be_tuned(job):
    tuned = dataclasses.replace(job, timeouts="tuned")
    session = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "2000"}
    assert told(tuned) == told(job) | session | {"producer.transaction.timeout.ms": "6000"}
    assert application(tuned, job.directory)["settings"].items() >= session.items()
    slow = dataclasses.replace(tuned, interval_ms=5_000)
    assert streams_config(slow)["producer.transaction.timeout.ms"] == "15000"
    plain = dataclasses.replace(tuned, guarantee="at-least-once")
    assert streams_config(plain).items() >= session.items()
    assert "producer.transaction.timeout.ms" not in streams_config(plain)


def test_at_least_once_reads_committed_input_as_exactly_once_does_by_itself(job):
    config = streams_config(dataclasses.replace(job, guarantee="at-least-once"))
    assert config["main.consumer.isolation.level"] == "read_committed"
    assert "processing.guarantee" not in config


def test_only_the_retention_mode_says_how_long_windows_are_kept(job):
    closed_ms = sensors.workload.defaults["window_ms"] + job.query.watermark_delay_ms
    assert application(job, job.directory)["retention_ms"] == closed_ms + 3_600_000
    assert told(job)["Materialized.withRetention"] == f"{closed_ms + 3_600_000} ms"
    default = dataclasses.replace(job, mode="default-retention")
    assert application(default, job.directory)["retention_ms"] is None


def test_a_window_of_hours_is_kept_longer_than_it_lasts(job):
    hours = shaped(job, window=Sliding(10_800_000, 3_600_000))
    assert application(hours, job.directory)["retention_ms"] > 10_800_000


def test_a_query_without_time_windows_has_no_window_settings(job):
    chosen = told(shaped(job, window=Count(5, 5)))
    assert "EmitStrategy" not in chosen
    assert "Materialized.withRetention" not in chosen


def test_running_totals_are_a_table_without_a_cache(job):
    assert told(shaped(job, shape=RunningTotals(())))["Materialized.withCachingDisabled"] == "true"


def test_heap_and_rocksdb_together_leave_a_quarter_of_the_limit():
    assert (configuration.heap_mb(1_024), configuration.rocksdb_mb(1_024)) == (512, 256)


def test_a_site_without_a_jdk_is_refused(tmp_path):
    site = Site(tmp_path, tmp_path, tmp_path, Path("python"), tmp_path, java_home=None)
    with pytest.raises(EngineFailure, match="JDK"):
        engine.open(site)


def test_it_needs_java_and_its_jars_and_no_python_of_its_own():
    assert engine.environment == Environment(group=None, jars=("kafka-streams",), java=17)


@pytest.mark.java
def test_classes_are_compiled_once_and_anew_for_a_changed_source(site, tmp_path):
    place = site(engine)
    jars = place.jars["kafka-streams"]
    first = compiled(SOURCES, place.cache, place.java_home, jars)
    made = (first / f"{MAIN}.class").stat().st_mtime_ns
    assert compiled(SOURCES, place.cache, place.java_home, jars) == first
    assert (first / f"{MAIN}.class").stat().st_mtime_ns == made

    changed = tmp_path / "changed"
    shutil.copytree(SOURCES, changed)
    with (changed / "Numbers.java").open("a") as source:
        source.write("// changed\n")
    second = compiled(changed, place.cache, place.java_home, jars)
    assert second != first
    assert sorted(place.cache.iterdir()) == sorted([first, second])


@pytest.mark.java
def test_a_source_that_does_not_compile_is_reported_with_the_compilers_words(site, tmp_path):
    place = site(engine)
    (tmp_path / "Broken.java").write_text("class Broken { oops }")
    with pytest.raises(EngineFailure, match="expected"):
        compiled(tmp_path, place.cache, place.java_home, place.jars["kafka-streams"])
    assert list(place.cache.iterdir()) == []


@pytest.mark.java
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer):
    result = answer(engine)
    assert result.rows == result.expected
    assert all(key == row.encode() for key, row in result.row_keys)
    assert len(result.processes["worker"]) == 2


READING = {"id": 1, "check": 7, "sensor": "sensor-0001", "time": 1_800_000_000_000, "temperature": 21}


@pytest.mark.java
@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"oops", "is not a JSON object: Unrecognized token 'oops'"),
        (json.dumps(READING | {"time": "noon"}).encode(), "column time"),
    ],
    ids=["not JSON", "wrong type"],
)
def test_a_record_that_is_no_event_ends_the_job_and_its_failure_says_what_is_wrong(site, make_job, record, problem):
    job = dataclasses.replace(make_job(engine), parallelism=1)
    cluster = engine.open(site(engine))
    try:
        running = cluster.submit(job)
        running.wait_ready(120)
        assert running.failure() is None
        producer = Producer({"bootstrap.servers": job.input.address})
        producer.produce(job.input.name, record, b"sensor-0001", 0)
        assert producer.flush(30) == 0
        wait_until(lambda: running.failure() is not None)
        assert "ended with exit code 1" in running.failure().what
        assert problem in running.failure().what
        assert "partition: 0, offset: 0" in Path(running.failure().where).read_text()
    finally:
        cluster.close()


@pytest.mark.java
def test_late_events_are_counted_and_the_count_outlives_the_job(site, make_job):
    job = dataclasses.replace(make_job(engine), parallelism=1)
    cluster = engine.open(site(engine))
    try:
        running = cluster.submit(job)
        running.wait_ready(120)
        producer = Producer({"bootstrap.servers": job.input.address})
        for late_ms in (0, 3_600, 60_000, 90_000):
            event = READING | {"time": READING["time"] - late_ms}
            producer.produce(job.input.name, json.dumps(event), b"sensor-0001", 0)
        assert producer.flush(30) == 0
        wait_until(lambda: running.counters().get("late") == 3)
        running.stop()
        assert running.counters() == {"late": 3}
    finally:
        cluster.close()


@pytest.mark.java
def test_the_options_that_are_listed_are_those_of_kafka_streams_and_its_clients(site):
    place = site(engine)
    classes = compiled(SOURCES, place.cache, place.java_home, place.jars["kafka-streams"])
    path = ":".join(map(str, (classes, *place.jars["kafka-streams"])))
    command = [place.java_home / "bin" / "java", "-cp", path, "OptionNames"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert configuration.OPTIONS.known == frozenset(said.split())


def test_in_one_process_an_instance_has_all_threads_and_the_memory_of_all(job):
    whole = dataclasses.replace(job, layout="one-process")
    assert streams_config(whole)["num.stream.threads"] == "2"
    assert told(whole)["instances"] == "1"
    assert told(whole)["-Xmx"] == "1024m"
    assert "num.stream.threads" not in streams_config(job)


def test_its_own_interval_is_left_to_it(job):
    own = dataclasses.replace(job, own_interval=True)
    assert "commit.interval.ms" not in streams_config(own)
    assert "producer.transaction.timeout.ms" not in streams_config(own)


def test_recommended_settings_choose_one_collector_whatever_the_environment_says(job):
    java = configuration.java(dataclasses.replace(job, settings="recommended"))
    assert [word for word in java if "Use" in word] == ["-XX:-UseSerialGC", "-XX:-UseG1GC", "-XX:+UseParallelGC"]
    assert not [word for word in configuration.java(job) if "Use" in word]
