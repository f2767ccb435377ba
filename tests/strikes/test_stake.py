"""What one worker has at stake, beside another that has something else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.logs.embedded import EmbeddedLog
from engines.protocol import Progress, Slot
from harness.strikes.gauge import Gauge, GaugeReading
from harness.strikes.row_counts import RowCounts, source
from harness.strikes.stake import Stake, moved
from workloads.stream import partition_of

KEYS = {partition_of(f"key-{number}", 2): f"key-{number}" for number in range(20)}
"""One of each partition of two."""


class Job:
    """Two workers, of a partition each."""

    def __init__(self, folder: Path) -> None:
        self.log = EmbeddedLog(folder)
        for topic in ("input", "output"):
            self.log.create(topic, 2)
        self.positions = {0: 0, 1: 0}

    def progress(self) -> Progress:
        total = sum(self.positions.values())
        return Progress(total, total, positions=dict(self.positions))

    def write(self, topic: str, partition: int, *rows: dict[str, str]) -> None:
        writer = self.log.writer(topic)
        writer.write(partition, [b""] * len(rows), [json.dumps(row).encode() for row in rows])
        writer.flush(10)
        writer.close()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def reading_of(gauge: Gauge, met: Callable[[GaugeReading], bool]) -> GaugeReading:
    found = gauge.until(met, time.monotonic() + 20, threading.Event())
    assert found is not None
    return found


def test_rows_count_for_the_partition_of_their_keys_events_wherever_they_stand(job: Job):
    with Gauge(job.log, ("input", "output"), 2, job.progress, RowCounts(job.log, "output", 2)) as gauge:
        reading_of(gauge, lambda _: True)  # What is written before the first look is no news to it.
        job.write("input", 0, {"key": KEYS[0]})
        # Rows of both workers in one partition of the output, and such as are of none.
        job.write("output", 1, {"key": KEYS[0]}, {"key": KEYS[0]}, {"key": KEYS[1]}, {"key": "~close-0-0"}, {})
        seen = reading_of(gauge, lambda reading: sum(reading.rows) == 3)
        assert seen.rows == (2, 1)
        first, second = Stake(frozenset({0})), Stake(frozenset({1}))
        assert (first.outputs(seen), second.outputs(seen), Stake().outputs(seen)) == (2, 1, 5)
        assert (first.inputs(seen), second.inputs(seen)) == (1, 0)

        # The second worker commits: the first one's stake is what it was.
        job.positions[1] = 7
        seen = reading_of(gauge, lambda reading: (reading.progress.positions or {})[1] == 7)
        assert (first.outputs(seen), second.outputs(seen), Stake().outputs(seen)) == (2, 0, 0)
        # What answers a heartbeat or a closing event is an answer, and no row.
        assert (first.behind(seen), second.behind(seen)) == (-3, 6)
        assert second.commit_ns(seen) > first.commit_ns(seen)


def test_a_worker_of_several_partitions_commits_them_all_at_once(job: Job):
    with Gauge(job.log, ("input", "output"), 2, job.progress, RowCounts(job.log, "output", 2)) as gauge:
        reading_of(gauge, lambda _: True)  # What is written before the first look is no news to it.
        job.write("output", 0, {"key": KEYS[0]}, {"key": KEYS[1]})
        both = Stake(frozenset({0, 1}))
        assert both.outputs(reading_of(gauge, lambda reading: sum(reading.rows) == 2)) == 2
        job.positions[0] = 1
        assert both.outputs(reading_of(gauge, lambda reading: (reading.progress.positions or {})[0] == 1)) == 0


def test_without_positions_nothing_is_at_stake_of_a_worker(job: Job):
    with Gauge(job.log, ("input", "output"), 2, lambda: Progress(0), RowCounts(job.log, "output", 2)) as gauge:
        reading_of(gauge, lambda _: True)  # What is written before the first look is no news to it.
        job.write("output", 0, {"key": KEYS[0]})
        seen = reading_of(gauge, lambda reading: sum(reading.rows) == 1)
        own = Stake(frozenset({0}))
        assert (own.outputs(seen), own.inputs(seen), own.behind(seen)) == (0, 0, None)


@pytest.mark.parametrize(
    "value", [b"", b"no json", b"[1]", b'{"key": 1}', b'{"other": "x"}', b'{"key": "~x"}', b'{"key": "~close-x"}', None]
)
def test_a_record_that_is_no_row_comes_from_nowhere(value: bytes | None):
    assert source(value, 4) is None


@pytest.mark.parametrize(
    ("after", "so"),
    [
        ([{0, 1}, {2, 3}], False),
        ([{0}, {1, 2, 3}], True),
        ([{0, 1}, {1, 2, 3}], True),
        ([set(), {0, 1, 2, 3}], True),
        ([{0, 1}], False),
        ([], True),
    ],
)
def test_partitions_that_another_worker_answers_for_have_moved(after: list[set[int]], so: bool):
    slots = [Slot(None, frozenset(own)) for own in after]
    assert moved([Slot(1, frozenset({0, 1})), Slot(2, frozenset({2, 3}))], slots, 0) is so


def test_what_is_not_told_may_have_moved():
    assert moved([Slot(1), Slot(2)], [Slot(1), Slot(2)], 0)
