"""Strikes at a made-up job: aimed, exposed, apart from each other, and healed whatever happens."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.protocol import EngineFailure, Progress
from harness.display import Silent
from harness.failure import TrialFailure
from harness.faults.fault import Target
from harness.strikes import campaign as campaigns
from harness.strikes.campaign import POINTS
from harness.trial import Trial
from results.history import Exposed, Strike
from results.plan import Strikes
from tests.strikes.made_up_job import INTERVAL_S, RATE, Death, Job, World, campaign, wait_over
from tests.waiting import wait_until
from workloads.sensors import Sensors


def test_strikes_go_on_until_enough_were_exposed_and_tell_each_step():
    world, marks = World(), []
    fault = Death(world)
    with campaign(world, fault, marks) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert running.exposed == running.tried == 3
    steps = [mark.step for mark in marks if isinstance(mark, Strike)]
    assert steps == ["injecting", "injected", "healing", "healed"] * 3
    exposed = [mark for mark in marks if isinstance(mark, Exposed)]
    # What was written since the last commit is in the open transaction, and no more than an interval's worth.
    assert all(0 < mark.aborted <= 1.5 * INTERVAL_S * RATE for mark in exposed)
    assert fault.healed == 3


class Leave(Death):
    """The job is asked to end, and commits what it has written as it does, a little later."""

    graceful = True

    def inject(self, target: Target) -> str:
        self.struck.append(self.world.lived_s())
        self.world.die()
        looks = self.world.looks
        wait_until(lambda: self.world.looks >= looks + 3, look_s=0.001)
        assert self.world.down_since is not None
        left_s = INTERVAL_S - self.world.lived_s() % INTERVAL_S
        self.world.down_since += left_s + 1e-6
        return "it has ended"


def test_at_stake_in_a_graceful_stop_is_what_was_so_when_it_was_asked_for():
    world, marks = World(), []
    with campaign(world, Leave(world), marks, wanted=3, most=3) as running:
        running.start()
        wait_over(running)
        running.stop()
    exposed = [mark for mark in marks if isinstance(mark, Exposed)]
    assert len(exposed) == 3
    assert all(0 < mark.aborted <= 1.5 * INTERVAL_S * RATE for mark in exposed)


def test_phases_of_the_commit_interval_are_all_aimed_at_before_one_comes_again():
    world, marks = World(), []
    with campaign(world, Death(world), marks, wanted=5) as running:
        running.start()
        wait_over(running)
    aims = {mark.aimed.removesuffix(", as soon as a row is written") for mark in marks if isinstance(mark, Strike)}
    assert aims == {f"{point:g} of the commit interval" for point in POINTS}


class Untold(World):
    """Nobody is told how far it has committed."""

    def progress(self) -> Progress:
        return Progress(0)


def test_a_job_whose_commits_are_not_told_is_struck_by_time_and_nothing_is_exposed():
    world, marks = Untold(), []
    job = Job(world)
    job.tells_progress = False
    with campaign(world, Death(world), marks, job=job, aim="share", wanted=2, most=2) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert (running.tried, running.exposed) == (2, 0)
    steps = [mark.step for mark in marks if isinstance(mark, Strike)]
    assert steps == ["injecting", "injected", "healing", "healed"] * 2
    assert {mark.scope for mark in marks if isinstance(mark, Exposed)} == {"untold"}


class Bursting(World):
    """Writes all rows of an interval at its end, shortly before it commits them."""

    BURST_S = 0.03

    def _written(self) -> int:
        return self._answered((self.lived_s() + self.BURST_S) // INTERVAL_S * INTERVAL_S)


def test_a_job_that_writes_just_before_it_commits_is_struck_in_between():
    world, marks = Bursting(), []
    fault = Death(world)
    with campaign(world, fault, marks) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert running.exposed == running.tried == 3
    assert all(-lived_s % INTERVAL_S < Bursting.BURST_S for lived_s in fault.struck)
    assert all(mark.aborted > 0 for mark in marks if isinstance(mark, Exposed))


def test_a_job_that_still_works_off_its_start_is_not_struck_yet():
    world, marks = World(idle_s=1.5), []
    fault = Death(world)
    with campaign(world, fault, marks, windowed=False, wanted=1) as running:
        running.start()
        wait_over(running)
    assert fault.struck[0] > 2 * 1.5


def test_windows_that_are_still_open_are_no_backlog():
    world, marks = World(lag_s=1.0), []
    fault = Death(world)
    with campaign(world, fault, marks, wanted=1) as running:
        running.start()
        wait_over(running)
    assert fault.struck[0] < 5


def test_the_job_commits_and_catches_up_between_two_strikes():
    world, marks = World(), []
    fault = Death(world)
    with campaign(world, fault, marks) as running:
        running.start()
        wait_over(running)
    apart = [later - earlier for earlier, later in zip(fault.struck, fault.struck[1:], strict=False)]
    assert all(lived_s > campaigns.STEADY_S for lived_s in apart)


def test_so_many_strikes_fall_as_soon_as_a_new_row_is_visible_and_unexposed_ones_are_made_up_for():
    world, marks = World(), []
    fault = Death(world)
    with campaign(world, fault, marks, wanted=3, most=8, rows=2) as running:
        running.start()
        wait_over(running)
        running.stop()
        # Right after a commit nothing may be at stake yet.
        assert running.exposed == 3
    aims = [mark.aimed for mark in marks if isinstance(mark, Strike) and mark.step == "injected"]
    assert aims.count("a new row is visible") == 2
    assert aims[0] != "a new row is visible"
    # Rows are visible with a commit: those strikes come right after one.
    at_rows = [lived_s for lived_s, aim in zip(fault.struck, aims, strict=True) if aim == "a new row is visible"]
    assert all(lived_s % INTERVAL_S < INTERVAL_S / 4 for lived_s in at_rows)


def test_at_most_once_is_struck_right_after_a_commit_and_exposed_by_what_is_unanswered():
    # Nothing is ever unanswered in this job, so no strike is exposed, and the most are tried.
    world, marks = World(at_once=False), []
    with campaign(world, Death(world), marks, guarantee="at-most-once", windowed=False, wanted=2, most=2) as running:
        running.start()
        wait_over(running)
        assert (running.exposed, running.tried) == (0, 2)
    assert {mark.aimed for mark in marks if isinstance(mark, Strike)} == {"right after a commit"}
    assert all(mark.unanswered is not None for mark in marks if isinstance(mark, Exposed))


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once", "at-most-once"])
def test_with_the_aim_commit_strikes_fall_right_after_one_whatever_is_claimed(guarantee: str) -> None:
    world, marks = World(), []
    fault = Death(world)
    with campaign(world, fault, marks, guarantee=guarantee, aim="commit", wanted=2, most=2) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert running.tried == 2
    assert {mark.aimed for mark in marks if isinstance(mark, Strike)} == {"right after a commit"}
    assert len(fault.struck) == 2


class Uncommitting(World):
    """It never commits."""

    def progress(self) -> Progress:
        return replace(super().progress(), commits=0)


def test_without_commits_a_strike_that_is_aimed_at_one_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "_AIM_S", 0.5)
    world, marks = Uncommitting(), []
    fault = Death(world)
    with campaign(world, fault, marks, aim="commit", wanted=1, most=1) as running:
        running.start()
        wait_over(running)
        running.stop()
    assert [mark.step for mark in marks if isinstance(mark, Strike)] == ["missed"]
    assert fault.struck == []


class Elsewhere(World):
    """Its rows are in no topic."""

    def end_offsets(self, topic: str, partitions: int, isolation: str) -> list[int]:
        return super().end_offsets(topic, partitions, isolation) if topic == "input" else [0]


@pytest.mark.parametrize("aim", ["interval", "commit", "share"])
def test_where_no_rows_are_seen_strikes_fall_by_commits_and_nothing_is_told_to_be_exposed(aim: str) -> None:
    world, marks = Elsewhere(), []
    job = Job(world)  # It has workers, whatever dies.
    asked: list[int] = []
    told: dict[str, Any] = {"printed": lambda after_ns, _: asked.append(after_ns), "windowed": False}
    with campaign(world, Death(world), marks, job=job, aim=aim, wanted=2, most=2, **told) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert (running.tried, running.exposed) == (2, 0)
    steps = [mark.step for mark in marks if isinstance(mark, Strike)]
    assert steps == ["injecting", "injected", "healing", "healed"] * 2
    assert {mark.scope for mark in marks if isinstance(mark, Exposed)} == {"untold"}
    assert asked == []


class Placed(Elsewhere):
    """It tells the committed offset of each partition."""

    def progress(self) -> Progress:
        found = super().progress()
        return replace(found, positions={0: found.inputs or 0})


class Mortal(Job):
    """It has no workers once it is dead."""

    def processes(self) -> dict[str, list[int]]:
        return {"worker": []} if self.world.down_since is not None else super().processes()


def test_rows_that_were_printed_once_no_worker_was_left_are_at_stake_less_what_is_committed() -> None:
    world, marks = Placed(), []
    asked: list[int] = []

    def printed(after_ns: int, _deadline_s: float) -> int:
        assert world.down_since is not None
        asked.append(after_ns)
        return world._committed() + 40 * len(asked)

    told: dict[str, Any] = {"printed": printed, "windowed": False}
    with campaign(world, Death(world), marks, job=Mortal(world), wanted=2, most=2, **told) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert (running.tried, running.exposed) == (2, 2)
    exposed = [mark for mark in marks if isinstance(mark, Exposed)]
    assert [(mark.scope, mark.outputs, mark.aborted) for mark in exposed] == [("job", 40, 0), ("job", 80, 0)]


@pytest.mark.parametrize(
    ("printed", "windowed", "scope"),
    [(lambda *_: None, False, "untold"), (lambda *_: 10**9, True, "untold"), (lambda *_: 0, False, "job")],
)
def test_without_rows_to_compare_or_beyond_what_is_committed_nothing_is_exposed(
    printed: Any, windowed: bool, scope: str
) -> None:
    world, marks = Placed(), []
    told: dict[str, Any] = {"printed": printed, "windowed": windowed}
    with campaign(world, Death(world), marks, job=Mortal(world), wanted=1, most=1, **told) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert (running.tried, running.exposed) == (1, 0)
    assert [mark.scope for mark in marks if isinstance(mark, Exposed)] == [scope]


def test_commits_that_are_told_in_sum_only_leave_it_untold() -> None:
    world, marks = Elsewhere(), []
    told: dict[str, Any] = {"printed": lambda *_: 10**9, "windowed": False}
    with campaign(world, Death(world), marks, job=Mortal(world), wanted=1, most=1, **told) as running:
        running.start()
        wait_over(running)
        running.stop()
        assert running.exposed == 0
    assert [mark.scope for mark in marks if isinstance(mark, Exposed)] == ["untold"]


class Losing(World):
    """Commits what it has read, and never answers 500 of it: lost once, before the first strike."""

    answered = 0

    def progress(self) -> Progress:
        self.answered = self._answered(self.lived_s())
        return replace(super().progress(), inputs=self.answered + 500)

    def end_offsets(self, topic: str, partitions: int, isolation: str) -> list[int]:
        return super().end_offsets(topic, partitions, isolation) if topic == "input" else [self.answered]


def test_what_was_lost_before_a_strike_is_not_at_stake_in_it():
    world, marks = Losing(), []
    with campaign(world, Death(world), marks, guarantee="at-most-once", windowed=False, wanted=2, most=2) as running:
        running.start()
        wait_over(running)
        assert (running.exposed, running.tried) == (0, 2)
    assert [mark.unanswered for mark in marks if isinstance(mark, Exposed)] == [0, 0]


def test_a_fault_that_could_not_be_confirmed_is_told_and_healed_all_the_same():
    world, marks = World(), []
    fault = Death(world, confirmed=False)
    with campaign(world, fault, marks, wanted=1, most=1) as running:
        running.start()
        wait_over(running)
    assert [mark.step for mark in marks if isinstance(mark, Strike)] == [
        "injecting",
        "unconfirmed",
        "healing",
        "healed",
    ]
    assert fault.healed == 1


def test_the_end_of_the_load_heals_the_strike_that_is_under_way():
    world, marks = World(), []
    fault = Death(world)
    with campaign(world, fault, marks, hold_s=60.0) as running:
        running.start()
        wait_until(lambda: fault.struck)
        began_s = time.monotonic()
        running.stop()
        assert time.monotonic() - began_s < 10
    assert fault.healed == 1
    assert world.down_since is None


def test_what_goes_wrong_in_a_strike_is_raised_at_its_end():
    world, marks = World(), []

    class Broken(Death):
        def heal(self, target: Target) -> None:
            raise EngineFailure("it does not come back")

    with campaign(world, Broken(world), marks) as running:
        running.start()
        wait_over(running)
        with pytest.raises(EngineFailure, match="does not come back"):
            running.stop()


def test_a_trial_without_what_a_fault_needs_is_refused():
    world, marks = World(), []
    fault = Death(world)
    fault.needs = frozenset({"broker"})
    with campaign(world, fault, marks) as running, pytest.raises(TrialFailure, match="no broker of its own"):
        running.start()


def test_each_trial_strikes_with_a_fault_of_its_own_made_when_its_strikes_are(tmp_path: Path):
    made: list[Death] = []
    world: Any = World()

    class Counted(Death):
        def __init__(self) -> None:
            super().__init__(world)
            made.append(self)

    strikes = Strikes(fault="death", aim="interval", wanted=1, most=1, hold_s=0.0, timeouts="tuned")
    case: Any = SimpleNamespace(
        parameters=Sensors.defaults, partitions=1, paced=None, drain=None, search=None, pin=False, strikes=strikes,
        interval_ms=200, guarantee="exactly-once", seed=1,
    )  # fmt: skip
    for number in (1, 2):
        equipment: Any = SimpleNamespace(
            folder=tmp_path, kind="kafka", broker=None, link=None, disk=None, state=Path(), log=None, gauge_log=world
        )
        engine: Any = None
        trial = Trial(case, engine, Sensors(), equipment, "prefix", Silent(), Counted)
        trial._deployment = Job(world)  # type: ignore[assignment]
        assert len(made) == number - 1
        with ExitStack() as stack:
            striking = trial._campaign(stack)
            assert striking is not None
            assert [striking._fault] == made[number - 1 :]
        trial._marks.close()
