"""Worker processes as one job: when they are ready, how their end is seen, and how they are stopped."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from engines.consumer_group import ConsumerGroup
from engines.process import Process
from engines.protocol import EngineFailure

SLEEP = "exec sleep 60"


@pytest.fixture
def group(tmp_path):
    """A group of shell scripts over four partitions."""
    made = []

    def make(*scripts: str) -> ConsumerGroup:
        workers = [
            Process(f"worker-{number}", ["sh", "-c", script], tmp_path / f"worker-{number}.log")
            for number, script in enumerate(scripts)
        ]
        made.append(ConsumerGroup(workers, 4, {"a.setting": "1"}, stop_timeout_s=5))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_it_is_ready_once_the_workers_answer_for_every_partition(group):
    running = group(f"echo assigned $$ 0 2; {SLEEP}", f"echo assigned $$ 1 3; {SLEEP}")
    running.wait_ready(10)
    assert len(running.processes()["worker"]) == 2
    assert running.failure() is None


def test_a_worker_without_partitions_counts_as_soon_as_it_says_so(group):
    group(f"echo assigned $$ 0 1 2 3; {SLEEP}", f"echo assigned $$; {SLEEP}").wait_ready(10)


def test_a_worker_that_never_spoke_keeps_the_job_from_being_ready(group):
    running = group(f"echo assigned $$ 0 1 2 3; {SLEEP}", SLEEP)
    with pytest.raises(EngineFailure, match=r"worker-0 \[0, 1, 2, 3\], worker-1 None"):
        running.wait_ready(0.5)


def test_partitions_that_a_worker_gave_up_are_not_answered_for(group):
    running = group(f"echo assigned $$ 0 1 2 3; echo assigned $$; {SLEEP}")
    with pytest.raises(EngineFailure, match=r"worker-0 \[\]"):
        running.wait_ready(0.5)


def test_what_an_earlier_process_said_in_the_same_log_is_passed_over(group, tmp_path):
    Path(tmp_path / "worker-0.log").write_text("assigned 1 0 1 2 3\n")
    with pytest.raises(EngineFailure, match="worker-0 None"):
        group(SLEEP).wait_ready(0.5)


def counted(running: ConsumerGroup, expected: dict[str, int]) -> None:
    """Wait until the group says so; what it says instead fails the test."""
    deadline = time.monotonic() + 10
    while running.counters() != expected:
        assert time.monotonic() < deadline, running.counters()
        time.sleep(0.02)


def test_a_group_whose_workers_count_nothing_has_no_counters(group):
    running = group(f"echo assigned $$ 0 1 2 3; {SLEEP}")
    running.wait_ready(10)
    assert running.counters() == {}


def test_counters_are_the_sum_of_what_each_worker_said_last(group):
    counted(
        group(
            f"echo counters $$ late=1 broken=0; echo counters $$ late=5 broken=2; {SLEEP}",
            f"echo counters $$ late=10 broken=1; {SLEEP}",
        ),
        {"late": 15, "broken": 3},
    )


def test_only_what_is_counted_is_told(group):
    counted(group(f"echo counters $$ broken=4; {SLEEP}", SLEEP), {"broken": 4})


def test_what_an_earlier_process_counted_is_not_counted_again(group, tmp_path):
    Path(tmp_path / "worker-0.log").write_text("counters 1 late=9 broken=9\n")
    counted(group(f"echo counters $$ late=2 broken=0; {SLEEP}"), {"late": 2, "broken": 0})


def test_a_worker_that_dies_at_the_start_is_reported_with_its_last_words(group):
    running = group("echo no such broker; exit 3", SLEEP)
    with pytest.raises(EngineFailure, match=r"(?s)worker-0 ended with exit code 3 before it was ready.*no such broker"):
        running.wait_ready(10)


def test_a_worker_that_dies_later_is_a_failure_of_the_job(group):
    running = group(f"echo assigned $$ 0 1; {SLEEP}", f"echo assigned $$ 2 3; {SLEEP}")
    running.wait_ready(10)
    victim = running.processes()["worker"][1]
    psutil.Process(victim).kill()
    deadline = time.monotonic() + 5
    while running.failure() is None:
        assert time.monotonic() < deadline
    assert "worker-1 was ended by SIGKILL" in running.failure().what
    assert victim not in running.processes()["worker"]


def test_stopping_ends_every_worker_lets_it_finish_and_is_no_failure(group, tmp_path):
    script = f"trap 'touch {tmp_path}/finished; exit 0' TERM; echo assigned $$ 0 1 2 3; while :; do sleep 0.05; done"
    running = group(script)
    running.wait_ready(10)
    pids = running.processes()["worker"]
    running.stop()
    running.stop()
    assert (tmp_path / "finished").exists()
    assert running.failure() is None
    assert running.processes() == {"worker": []}
    assert not any(psutil.pid_exists(pid) for pid in pids)
