"""A run of replay is complete in its folder: where that is, and what became of the user's file, does not matter."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.small_run import command

SUITE = """
schema_version = 1
calibrate = false
seed = 20261124
partitions = 2
parallelism = 1
interval = "200ms"
event_rate = "1k/s"
worker_memory = "512MiB"
guarantee = "exactly-once"
workload.replay = { file = "mine.csv", time = "at", key = "who", values = "n" }
drain = { events = 1000, intervals = 1, max_events = 1000, budget = "1s" }
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that passed, whose file is gone."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "mine.csv").write_text("at,who,n\n" + "".join(f"{1_700_000_000 + i},k{i % 7},{i}\n" for i in range(300)))
    (folder / "small.toml").write_text(SUITE)
    done = command(folder, "run", "small.toml", "-e", "continuous", "--log", "embedded", "--no-progress")
    assert done.returncode == 0, done.stderr
    (folder / "mine.csv").unlink()
    (run,) = (folder / "runs").iterdir()
    return run


def test_a_run_that_was_moved_and_whose_file_is_gone_judges_to_the_same_bytes(recorded: Path, tmp_path: Path):
    first = (recorded / "result.json").read_bytes()
    moved = tmp_path / "with blanks [1] ü" / recorded.name
    moved.parent.mkdir()
    subprocess.run(["cp", "-r", recorded, moved], check=True)
    (moved / "result.json").unlink()
    assert command(tmp_path, "judge", str(moved)).returncode == 0
    assert (moved / "result.json").read_bytes() == first


def test_without_what_was_kept_the_verdict_that_there_was_stays(recorded: Path, tmp_path: Path):
    moved = tmp_path / recorded.name
    subprocess.run(["cp", "-r", recorded, moved], check=True)
    first = (moved / "result.json").read_bytes()
    (kept,) = (moved / "kept").iterdir()
    kept.unlink()
    done = command(tmp_path, "judge", str(moved))
    assert done.returncode == 5
    assert "what was kept of the recording cannot be read" in done.stderr
    assert "its result was kept as it is" in done.stderr
    assert (moved / "result.json").read_bytes() == first
