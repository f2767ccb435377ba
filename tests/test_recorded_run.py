"""A whole run of a recording as it was, with negative values: both built-in engines are right, and it judges again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from results.evidence.phases import phases
from results.history import History
from tests.small_run import command
from workloads.stream import CONTROL_IDS

T = 1_700_000_000

SUITE = """
schema_version = 1
calibrate = false
seed = 20261124
partitions = 2
parallelism = 1
interval = "200ms"
worker_memory = "512MiB"
guarantee = "exactly-once"
workload.replay = { file = "mine.csv", pace = "recorded", speed = 10, scale = 10 }
paced = { rate = "1k/s", warmup = "500ms", measured = "2s" }
drain = { events = 500, intervals = 1, max_events = 500, budget = "1s" }
"""
OFFSETS_S = [0.0, 0.25, 0.25, *np.arange(1, 9, 0.05), 5.5, 16.0, 15.5, 17.0, 29.0]
"""Rows that go back, equal ones, and gaps: the load ends in one, at second 25 of event time."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, whose file is gone."""
    folder = tmp_path_factory.mktemp("recorded")
    rows = "".join(f"{T + offset:.3f},k{n % 7},{(n * 37 % 100) / 10 - 5}\n" for n, offset in enumerate(OFFSETS_S))
    (folder / "mine.csv").write_text(f"time,key,value\n{rows}")
    (folder / "small.toml").write_text(SUITE)
    words = ("run", "small.toml", "-e", "continuous", "-e", "micro-batch", "--log", "embedded", "--no-progress")
    done = command(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "mine.csv").unlink()
    (found,) = (folder / "runs").iterdir()
    return found


def result(run: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((run / "result.json").read_text())["cases"]
    return cases


def test_both_engines_are_right(run: Path) -> None:
    assert {(case["engine"], case["phase"]) for case in result(run)} == {
        (engine, phase) for engine in ("continuous", "micro-batch") for phase in ("paced", "drain")
    }
    for case in result(run):
        assert (case["outcome"], case["kinds"]) == ("pass", {}), case["reason"]
        assert case["verdict"]["match"] > 20
        assert case["asked"]["parameters"] | {"lowest": "-50", "highest": "49"} == case["asked"]["parameters"]


def test_rows_were_sent_when_the_recording_says(run: Path) -> None:
    for folder in sorted((run / "cases").iterdir()):
        history = History(folder)
        (paced,) = [phase for phase in phases(history) if phase.kind == "paced"]
        begins = [each for part in sorted((folder / "sends").glob("*")) for each in pq.read_table(part).to_pylist()]
        sent_s = {
            number - paced.segment.first: (each["sent_ns"] - paced.start_ns) / 1e9
            for each in begins
            if each["phase"] == paced.name
            for number in range(each["first_id"], each["first_id"] + each["count"])
        }
        # The last row comes at second 29 of event time, after the load.
        assert sorted(sent_s) == list(range(len(OFFSETS_S) - 1))
        largest_s = np.maximum.accumulate(OFFSETS_S)
        assert all(sent_s[n] >= largest_s[n] / 10 for n in sent_s)


def test_events_have_the_recordings_times_and_heartbeats_go_on_in_gaps(run: Path) -> None:
    for folder in sorted((run / "cases").iterdir()):
        history = History(folder)
        (paced,) = [phase for phase in phases(history) if phase.kind == "paced"]
        parts = [pq.read_table(part) for part in sorted((folder / "input").glob("*"))]
        ids = np.concatenate([part["id"].to_numpy() for part in parts])
        assert np.count_nonzero(paced.holds(ids)) == len(OFFSETS_S) - 1
        assert np.count_nonzero(ids >= CONTROL_IDS) > 0
        # Windows begin where they do in the file, at whole seconds, and the first row at its place in its window.
        assert paced.segment.base_ms % 1000 == T * 1000 % 1000


def test_it_judges_again_to_the_same_without_the_file(run: Path) -> None:
    first = (run / "result.json").read_bytes()
    assert command(run.parent.parent, "judge", str(run)).returncode == 0
    assert (run / "result.json").read_bytes() == first
