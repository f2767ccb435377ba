"""What a trial needs on the disk goes with it: a run of many trials needs no more of it than its longest one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import cli
from harness.problem import ExitCode
from harness.trial import Trial
from harness.users_kafka.topic_admin import TopicAdmin

SUITE = """
schema_version = 1
calibrate = false
seed = 20261124
partitions = 2
parallelism = 1
interval = "200ms"
worker_memory = "512MiB"
guarantee = "exactly-once"
engines = ["continuous", "micro-batch"]
workload.sensors = { window_ms = 200 }
paced = { rate = "1k/s", warmup = "500ms", measured = "2s" }
"""
CASES = ("continuous.default.sensors", "micro-batch.default.sensors")


@pytest.mark.parametrize("log", ["embedded", pytest.param("kafka", marks=pytest.mark.java)])
def test_the_next_trial_finds_nothing_of_the_one_before(
    log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders, topics = [], []
    conduct = Trial.conduct

    def looking(trial: Trial) -> None:
        equipment = trial._equipment
        folders.append({path.name for path in equipment.scratch.parent.iterdir()} - {"broker"})
        if log == "kafka":
            topics.append({name for name in TopicAdmin(equipment.address).names().topics if name.startswith("sg-")})
        conduct(trial)

    monkeypatch.setattr(Trial, "conduct", looking)
    (tmp_path / "small.toml").write_text(SUITE)
    words = ["run", str(tmp_path / "small.toml"), "--log", log, "--out", str(tmp_path / "runs"), "--no-progress"]
    assert cli.execute(words) == ExitCode.GOOD, capsys.readouterr()
    assert folders == [{case} for case in CASES]
    assert topics == ([] if log == "embedded" else [set(), set()])
