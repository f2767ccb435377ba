"""Spark as an engine: what it says of itself, how it fails, and a whole run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engines.process import Process
from engines.protocol import EngineFailure, Job, Site, Topic
from engines.spark import engine, settings
from engines.spark.cluster import describe, environment
from engines.spark.session import members
from workloads import sensors
from workloads.query import Query

QUERY = sensors.workload.query(sensors.workload.defaults)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    topic = Topic("kafka", "127.0.0.1:9092", "readings", 4)
    return Job("job-1", QUERY, topic, topic, "exactly-once", "micro-batch", 3, 750, 640, tmp_path)


@pytest.fixture
def bare_site(tmp_path: Path) -> Site:
    jars = {"spark-kafka": (tmp_path / "a.jar", tmp_path / "b.jar")}
    return Site(tmp_path, tmp_path, tmp_path, Path(sys.executable), tmp_path, tmp_path, jars)


def test_delivery_is_never_claimed_to_be_exactly_once():
    claim = engine.claim("exactly-once", "micro-batch")
    assert (claim.processing, claim.delivery) == ("exactly-once", "at-least-once")
    assert "sink" in claim.note


def test_at_most_once_and_unknown_modes_are_unsupported():
    assert engine.support(QUERY, "at-most-once", "micro-batch").kind == "unsupported"
    assert (
        engine.support(QUERY, "exactly-once", "real-time-ish").detail == "no mode real-time-ish; there are micro-batch"
    )
    assert engine.support(QUERY, "exactly-once", "micro-batch").kind == "native"


def test_a_job_sets_parallelism_interval_and_memory_by_sparks_names(job):
    reported = settings.reported(job)
    assert reported["spark.master"] == "local-cluster[3,1,640]"
    assert reported["spark.executor.memory"] == "640m"
    assert reported["spark.sql.shuffle.partitions"] == "3"
    assert reported["processingTime"] == "750 milliseconds"
    assert reported["kafka.isolation.level"] == "read_committed"


def test_reported_settings_name_no_place(job, bare_site):
    assert not [
        value for value in settings.reported(job).values() if "127.0.0.1" in value or str(job.directory) in value
    ]
    told = describe(job, bare_site, job.directory)
    assert told["session"].items() >= settings.tuning(job).items()
    assert told["source"].items() >= settings.SOURCE.items()
    assert Query.from_json(told["query"]) == QUERY


def test_everything_the_driver_starts_is_bound_to_loopback(job, bare_site):
    place = settings.place(job, bare_site.jars["spark-kafka"], job.directory)
    assert place["spark.driver.host"] == place["spark.driver.bindAddress"] == "127.0.0.1"
    assert environment(bare_site, Path("/home"), Path("/conf"))["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_an_existing_cluster_is_refused_with_a_remedy(bare_site):
    with pytest.raises(EngineFailure, match=r"spark cannot use the cluster at 10\.0\.0\.1:7077") as caught:
        engine.open(replace(bare_site, address="10.0.0.1:7077"))
    assert "leave the address out" in caught.value.remedy


def test_an_environment_without_pyspark_is_named(bare_site):
    with pytest.raises(EngineFailure, match=f"{bare_site.python} has no pyspark"):
        engine.open(bare_site)


def test_processes_of_a_session_are_found_after_their_parent_died(tmp_path):
    script = "sleep 60 & echo $!; exec sleep 61"
    shell = Process(
        "shell", ["sh", "-c", f"(sh -c '{script}' & echo $! > middle) ; sleep 62"], tmp_path / "log", cwd=tmp_path
    )
    try:
        orphan = int(shell.wait_for_line(r"^(\d+)$", 10, "at start")[1])
        found = members(shell.pid)
        assert found[orphan].split() == ["sleep", "60"]
        subprocess.run(["kill", "-9", (tmp_path / "middle").read_text().strip()], check=True)
        assert orphan in members(shell.pid)
    finally:
        shell.stop()


@pytest.mark.java
@pytest.mark.timeout(600)
def test_a_run_answers_every_window_right_and_leaves_nothing_behind(answer):
    result = answer(engine)
    assert result.rows == result.expected
    assert {key.decode() for key, _ in result.row_keys} == {name for _, name in result.row_keys}
    assert all(key.decode() == name for key, name in result.row_keys)
    assert len(result.processes["worker"]) == 2
    assert len(result.processes["coordinator"]) == 2, "Python and its JVM"


@pytest.mark.java
def test_a_driver_that_dies_at_start_says_why(site, make_job):
    place = site(engine)
    cluster = engine.open(place)
    running = cluster.submit(replace(make_job(engine), memory_mb=100))
    try:
        with pytest.raises(
            EngineFailure, match=r"spark-driver ended with exit code 1 while its query started"
        ) as caught:
            running.wait_ready(120)
        assert "Executor memory" in caught.value.what
        assert Path(caught.value.where).parent == place.logs
        assert running.failure() is not None
    finally:
        cluster.close()


@pytest.mark.java
def test_the_version_is_the_environments(site):
    asked = subprocess.run(
        [site(engine).python, "-c", "import pyspark; print(pyspark.__version__)"], capture_output=True, text=True
    )
    assert asked.stdout.strip() == engine.version
