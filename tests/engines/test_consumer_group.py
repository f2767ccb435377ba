"""Worker processes as one job: when they are ready, how their end is seen, and how they are stopped."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from engines.consumer_group import ConsumerGroup
from engines.logs.offsets import CommittedOffsets
from engines.logs.protocol import LogFailure
from engines.process import Process
from engines.protocol import EngineFailure, Observable, Placed, Revivable
from tests.waiting import wait_until

SLEEP = "exec sleep 60"


class Offsets:
    """A log's committed offsets as a test sets them; None while the log is down."""

    def __init__(self) -> None:
        self.now: dict[int, int] | None = {}
        self.connected = self.closed = 0

    def connect(self) -> Offsets:
        if self.now is None:
            raise LogFailure("no broker")
        self.connected += 1
        return self

    def committed(self) -> dict[int, int]:
        if self.now is None:
            raise LogFailure("no broker")
        return self.now

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def offsets() -> Offsets:
    return Offsets()


@pytest.fixture
def group(tmp_path, offsets):
    """A group of shell scripts over four partitions."""
    made = []

    def make(*scripts: str) -> ConsumerGroup:
        workers = [
            Process(f"worker-{number}", ["sh", "-c", script], tmp_path / f"worker-{number}.log")
            for number, script in enumerate(scripts)
        ]
        made.append(ConsumerGroup(workers, 4, {"a.setting": "1"}, CommittedOffsets(offsets.connect), stop_timeout_s=5))
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
    wait_until(lambda: running.counters() == expected, awaited=running.counters)


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
    assert "worker-1 was ended by SIGKILL" in wait_until(running.failure).what
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


def kill(running: ConsumerGroup, number: int) -> int:
    """SIGKILL one of the workers that live; its pid, once it is dead."""
    pid = running.processes()["worker"][number]
    psutil.Process(pid).kill()
    wait_until(lambda: pid not in running.processes()["worker"])
    return pid


def test_dead_workers_are_started_again_in_their_places_and_the_living_are_left_alone(group):
    running = group(*(f"echo assigned $$ {number}; {SLEEP}" for number in range(4)))
    assert isinstance(running, Revivable)
    running.wait_ready(10)
    before = running.processes()["worker"]
    kill(running, 2)
    kill(running, 0)
    assert running.revive() == ["worker-0", "worker-2"]
    assert running.failure() is None
    after = running.processes()["worker"]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, False, True]
    running.wait_ready(10)
    assert running.revive() == []
    assert running.processes()["worker"] == after


def test_a_revived_group_is_ready_once_the_new_process_answers_and_not_by_what_the_dead_one_said(group, tmp_path):
    late = f"test -e {tmp_path}/again && exec sleep 60; touch {tmp_path}/again; echo assigned $$ 0 1; {SLEEP}"
    running = group(late, f"echo assigned $$ 2 3; {SLEEP}")
    running.wait_ready(10)
    kill(running, 0)
    running.revive()
    with pytest.raises(EngineFailure, match=r"worker-0 None, worker-1 \[2, 3\]"):
        running.wait_ready(0.5)


def test_a_worker_without_a_partition_is_not_occupied(group):
    running = group(f"echo assigned $$ 0 1 2 3; {SLEEP}", f"echo assigned $$; {SLEEP}")
    assert isinstance(running, Placed)
    running.wait_ready(10)
    first, _ = running.processes()["worker"]
    assert running.occupied() == [first]
    kill(running, 0)
    assert running.occupied() == []


def test_a_stopped_group_is_not_revived(group):
    running = group(SLEEP)
    running.stop()
    with pytest.raises(EngineFailure, match="stopped"):
        running.revive()
    assert running.processes() == {"worker": []}


def test_what_a_dead_worker_counted_is_counted_on(group, tmp_path):
    again = f"test -e {tmp_path}/again && echo counters $$ late=2 broken=0 && {SLEEP}; touch {tmp_path}/again"
    running = group(f"{again}; echo counters $$ late=5 broken=1; {SLEEP}")
    counted(running, {"late": 5, "broken": 1})
    kill(running, 0)
    running.revive()
    counted(running, {"late": 7, "broken": 1})


def test_progress_is_the_sum_of_the_committed_offsets_and_never_falls(group, offsets):
    running = group(SLEEP)
    assert isinstance(running, Observable)
    assert offsets.connected == 0, "nobody asked yet"
    assert (running.progress().commits, running.progress().inputs) == (0, 0)
    offsets.now = {0: 10, 3: 5}
    assert (running.progress().commits, running.progress().inputs) == (15, 15)
    offsets.now = {0: 9, 1: 1}
    assert running.progress().commits == 16
    assert offsets.connected == 1


def test_progress_stays_as_it_was_while_the_broker_is_down(group, offsets):
    offsets.now = None
    running = group(SLEEP)
    assert (running.progress().commits, running.progress().inputs) == (0, None)
    offsets.now = {0: 7}
    assert running.progress().inputs == 7
    offsets.now = None
    assert (running.progress().commits, running.progress().inputs) == (7, 7)
    running.stop()
    assert offsets.closed == 1
    offsets.now = {0: 8}
    assert running.progress().inputs == 7
    assert offsets.connected == 1


def state(running: ConsumerGroup, expected: str) -> None:
    wait_until(lambda: running.progress().state == expected, awaited=running.progress)


def test_the_state_changes_when_the_group_notices_and_not_when_a_worker_dies(group, tmp_path):
    noticing = f"until test -e {tmp_path}/noticed; do sleep 0.05; done"
    running = group(
        f"echo assigned $$ 0 2; {SLEEP}",
        f"echo assigned $$ 1 3; {noticing}; echo assigned $$; echo assigned $$ 0 1 2 3; {SLEEP}",
    )
    state(running, "2 of 2 workers answer for 4 partitions, assignment 2")
    kill(running, 0)
    state(running, "2 of 2 workers answer for 4 partitions, assignment 2")
    (tmp_path / "noticed").touch()
    state(running, "2 of 2 workers answer for 4 partitions, assignment 4")


def test_a_group_that_has_not_formed_yet_has_no_state(group):
    assert group(SLEEP).progress().state == ""
