"""What the load generator sends of a recording: each row when it is due, heartbeats in gaps too, values moved up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.instruments.generator import Generator
from tests import generated_load
from tests.generated_load import committed
from tests.workloads.made import BASE_MS, WORKLOADS
from workloads.replay import Replay
from workloads.schedule import Schedule
from workloads.stream import CONTROL_IDS, Segment

WORKLOAD = WORKLOADS["replay"]
assert isinstance(WORKLOAD, Replay)
T = 1_700_000_000
OFFSETS_S = [0, 2, 1.5, 3]
SPEED = 10.0


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    rows = "".join(f"{T + offset},{'abc'[n % 3]},{n - 2}\n" for n, offset in enumerate(OFFSETS_S))
    (tmp_path / "mine.csv").write_text(f"time,key,value\n{rows}")
    given = {**WORKLOAD.defaults, "file": str(tmp_path / "mine.csv"), "pace": "recorded", "speed": SPEED}
    found = dict(WORKLOAD.prepare(given))
    WORKLOAD.keep(found, tmp_path / "kept")
    return found


@pytest.fixture
def generator(tmp_path: Path, parameters: dict[str, Any]) -> Iterator[Generator]:
    with generated_load.generator(tmp_path, "replay", parameters, kept=str(tmp_path / "kept")) as made:
        yield made


@pytest.fixture
def schedule(parameters: dict[str, Any]) -> Schedule:
    found = WORKLOAD.schedule(parameters)
    assert found is not None
    return found


def test_rows_are_sent_when_they_are_due_and_time_goes_on_behind_the_last(
    generator: Generator, schedule: Schedule, tmp_path: Path
) -> None:
    start_ns = time.monotonic_ns() + 100_000_000
    sent, _, _ = generator.paced(
        "paced", Segment(0, 4, BASE_MS, schedule.rate), schedule.rate * SPEED, start_ns, recorded_s=1.2
    )
    assert sent == 4
    events = [event for _, event in committed(tmp_path)]
    rows = sorted((event for event in events if event["id"] < CONTROL_IDS), key=lambda event: event["id"])
    assert [event["time"] - BASE_MS for event in rows] == [0, 2000, 1500, 3000]
    assert [event["value"] for event in rows] == [0, 1, 2, 3], "-2 to 1, moved up by 2"
    sends = [row for part in sorted((tmp_path / "sends").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    for send in sends:
        ids = np.arange(send["first_id"], send["first_id"] + send["count"])
        assert send["sent_ns"] >= start_ns + int(schedule.planned_ns(ids)[-1])
    beats = sorted(event["time"] - BASE_MS for event in events if event["id"] >= CONTROL_IDS)
    # The watermark delay is half a second for the row that goes back, and a second of the clock.
    assert beats == [0] * 4 + [10_000 - (500 + 10_000 - 1000)] * 4


def test_no_heartbeat_of_a_backlog_is_ahead_of_the_rows_behind_it(
    generator: Generator, schedule: Schedule, tmp_path: Path
) -> None:
    count = 5000
    generator.backlog("drain-1", Segment(0, count, BASE_MS, schedule.rate))
    generator.commit()
    events = committed(tmp_path)
    assert sum(event["id"] < CONTROL_IDS for _, event in events) == count
    beats = 0
    for partition in range(4):
        mine = [event for number, event in events if number == partition]
        times = np.array([event["time"] for event in mine])
        after = np.minimum.accumulate(times[::-1])[::-1]
        control = np.array([event["id"] >= CONTROL_IDS for event in mine])
        beats += int(control.sum())
        assert np.all(times[control] <= after[control])
    assert beats == 4 * 5


def test_the_rows_are_those_of_the_kept_recording(generator: Generator, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").unlink()
    generator.backlog("drain-1", Segment(0, 4, BASE_MS, 1.0))
    generator.commit()
    keys = {event["id"]: event["key"] for _, event in committed(tmp_path) if event["id"] < CONTROL_IDS}
    assert keys == {0: "a", 1: "b", 2: "c", 3: "a"}
