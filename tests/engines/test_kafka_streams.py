"""Kafka Streams as an engine: what it promises, what it is told, and real runs."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from engines.kafka_streams import application, engine, memory, streams_config
from engines.kafka_streams.classes import MAIN, SOURCE, compiled
from engines.protocol import EngineFailure, Environment, Job, Site, Topic
from workloads import sensors


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


def test_settings_hold_what_differs_from_the_default_and_nothing_else(job):
    assert streams_config(job) == {
        "rocksdb.config.setter": "WindowedQuery$BoundedRocksDB",
        "commit.interval.ms": "1000",
        "processing.guarantee": "exactly_once_v2",
    }
    at_its_default = dataclasses.replace(job, interval_ms=100)
    assert "commit.interval.ms" not in streams_config(at_its_default)


def test_a_long_commit_interval_gets_a_longer_transaction_time_out(job):
    slow = dataclasses.replace(job, interval_ms=10_000)
    assert streams_config(slow)["producer.transaction.timeout.ms"] == "30000"


def test_at_least_once_reads_committed_input_as_exactly_once_does_by_itself(job):
    config = streams_config(dataclasses.replace(job, guarantee="at-least-once"))
    assert config["main.consumer.isolation.level"] == "read_committed"
    assert "processing.guarantee" not in config


def test_only_the_retention_mode_says_how_long_windows_are_kept(job):
    assert application(job, job.directory, 256)["retention_ms"] == 3_600_000
    default = dataclasses.replace(job, mode="default-retention")
    assert application(default, job.directory, 256)["retention_ms"] is None


def test_heap_and_rocksdb_together_leave_a_quarter_of_the_limit():
    assert memory(1_024) == (512, 256)


def test_a_site_without_a_jdk_is_refused(tmp_path):
    site = Site(tmp_path, tmp_path, tmp_path, Path("python"), tmp_path, java_home=None)
    with pytest.raises(EngineFailure, match="JDK"):
        engine.open(site)


def test_it_needs_java_and_its_jars_and_no_python_of_its_own():
    assert engine.environment == Environment(group=None, jars=("kafka-streams",), java=17)


@pytest.mark.java
def test_classes_are_compiled_once_and_anew_for_a_changed_source(site, tmp_path, monkeypatch):
    place = site(engine)
    jars = place.jars["kafka-streams"]
    first = compiled(place.cache, place.java_home, jars)
    made = (first / f"{MAIN}.class").stat().st_mtime_ns
    assert compiled(place.cache, place.java_home, jars) == first
    assert (first / f"{MAIN}.class").stat().st_mtime_ns == made

    changed = tmp_path / f"{MAIN}.java"
    changed.write_text(SOURCE.read_text() + "// changed\n")
    monkeypatch.setattr("engines.kafka_streams.classes.SOURCE", changed)
    second = compiled(place.cache, place.java_home, jars)
    assert second != first
    assert sorted(place.cache.iterdir()) == sorted([first, second])


@pytest.mark.java
def test_a_source_that_does_not_compile_is_reported_with_the_compilers_words(site, tmp_path, monkeypatch):
    place = site(engine)
    broken = tmp_path / f"{MAIN}.java"
    broken.write_text("class WindowedQuery { oops }")
    monkeypatch.setattr("engines.kafka_streams.classes.SOURCE", broken)
    with pytest.raises(EngineFailure, match="expected"):
        compiled(place.cache, place.java_home, place.jars["kafka-streams"])
    assert list(place.cache.iterdir()) == []


@pytest.mark.java
@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
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
        running.wait_ready(120)
        assert running.failure() is None
        producer = Producer({"bootstrap.servers": job.input.location})
        producer.produce(job.input.name, b"oops", b"sensor-0001", 0)
        assert producer.flush(30) == 0
        deadline = time.monotonic() + 60
        while running.failure() is None:
            assert time.monotonic() < deadline, "the job still runs"
            time.sleep(0.1)
        assert "ended with exit code 1" in running.failure().what
        assert "not a JSON object" in Path(running.failure().where).read_text()
    finally:
        cluster.close()
