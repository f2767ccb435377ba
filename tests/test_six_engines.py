"""The main job, shortened: six real engines on one real broker, each right, judged again to the same answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.host.warden import marked

ROOT = Path(__file__).parents[1]
ENGINES = ("continuous", "flink", "kafka-client", "kafka-streams", "micro-batch", "spark")

SUITE = """
schema_version = 1
story = "The main job, shortened."
seed = 20261124
partitions = 4
parallelism = 2
interval = "1s"
worker_memory = "1GiB"
guarantee = "exactly-once"
engines = ["continuous", "flink", "kafka-client", "kafka-streams", "micro-batch", "spark"]

[workload.sensors]
window_ms = 500

[paced]
rate = "2k/s"
warmup = "1s"
measured = "12s"

[drain]
events = 20000
backlogs = 2
intervals = 1
max_events = 40000
budget = "20s"
"""

pytestmark = [pytest.mark.java, pytest.mark.timeout(1500)]


def streamgauge(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments], cwd=cwd, capture_output=True, timeout=1400, check=False
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The working folder and the document that one run of all engines printed."""
    folder = tmp_path_factory.mktemp("six")
    (folder / "short.toml").write_text(SUITE)
    ran = streamgauge("run", "short.toml", "--log", "kafka", "--format", "json", cwd=folder)
    assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()
    return folder, json.loads(ran.stdout)


def test_every_engine_passes_both_phases_and_the_document_follows_the_published_schema(run):
    _folder, document = run
    jsonschema.validate(document, json.loads((ROOT / "results" / "schema.json").read_text()))
    seen = {(case["engine"], case["phase"]): case for case in document["cases"]}
    assert set(seen) == {(engine, phase) for engine in ENGINES for phase in ("paced", "drain")}
    for case in seen.values():
        assert case["outcome"] == "pass", case
        assert case["log"] == "kafka"
        assert case["verdict"]["match"] > 1000
        assert {count for name, count in case["verdict"].items() if name != "match"} == {0}
        assert case["guarantee"] == ("at-least-once" if case["engine"] == "spark" else "exactly-once")


def test_speed_memory_and_latency_stand_in_the_result_of_every_engine(run):
    _folder, document = run
    for case in document["cases"]:
        names = {"latency_p50", "latency_p99", "latency_max"} if case["phase"] == "paced" else {"drain_rate"}
        assert names | {"memory_peak"} <= set(case["metrics"]), case
        assert all(case["metrics"][name]["value"] > 0 for name in names)


def test_all_engines_were_given_the_same_events_and_rows(run):
    _folder, document = run
    assert len({case["verdict"]["match"] for case in document["cases"] if case["phase"] == "paced"}) == 1


def test_a_stored_run_is_judged_again_to_the_same_answer_and_reported(run):
    folder, document = run
    judged = streamgauge("judge", document["run"], "--format", "json", cwd=folder)
    assert json.loads(judged.stdout) == document
    reported = streamgauge("report", document["run"], cwd=folder)
    page = (folder / reported.stdout.decode().strip()).read_text()
    assert all(engine in page for engine in ENGINES)


def test_nothing_that_was_started_is_left(run):
    folder, document = run
    assert marked(Path(document["run"]).name) == []
    logs = sorted((folder / document["run"]).rglob("*.log"))
    assert {"generator.log", "collector.log", "sampler.log", "broker.log"} <= {log.name for log in logs}
