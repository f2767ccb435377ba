"""Strikes over made-up logs and a made-up job: aimed, exposed, apart from each other, and healed whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.logs.embedded import EmbeddedLog
from engines.logs.protocol import Chunk, LogFailure
from engines.protocol import EngineFailure, Progress
from harness.display import Silent
from harness.failure import TrialFailure
from harness.faults.fault import Need, Target, Unconfirmed
from harness.strikes import campaign as campaigns
from harness.strikes.campaign import POINTS, Campaign
from harness.strikes.first_row import FirstRow
from harness.strikes.gauge import Gauge
from harness.trial import Trial
from results.history import Exposed, Strike
from results.plan import Strikes
from workloads.query import Aggregate, Column, Project, Query, Tumbling, Windowed
from workloads.sensors import Sensors

INTERVAL_S = 0.2
RATE = 2_000
WAIT_S = 30.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "STEADY_S", 0.4)
    monkeypatch.setattr(campaigns, "_BASE_S", 0.5)
    monkeypatch.setattr(campaigns, "_BEHIND_S", 0.5)
    monkeypatch.setattr(campaigns, "_AIM_S", 3.0)
    monkeypatch.setattr(campaigns, "_STANDING_S", 0.2)


@dataclass
class World:
    """A job that answers RATE records a second and commits each interval, unless it is down.

    at_once: what is written is visible only with the commit, as in a transaction. idle_s: so long it does nothing at
    first, and then works off what has come meanwhile at twice the rate. lag_s: so long after its record a row comes.
    looks: how often its progress was asked for.
    """

    at_once: bool = True
    idle_s: float = 0.0
    lag_s: float = 0.0
    down_since: float | None = None
    lost_s: float = 0.0
    began: float = field(default_factory=time.monotonic)
    looks: int = 0

    def lived_s(self) -> float:
        now = time.monotonic() if self.down_since is None else self.down_since
        return now - self.began - self.lost_s

    def die(self) -> None:
        self.down_since = time.monotonic()

    def live(self) -> None:
        if self.down_since is not None:
            self.lost_s += time.monotonic() - self.down_since
            self.down_since = None

    def progress(self) -> Progress:
        self.looks += 1
        return Progress(
            int(self.lived_s() / INTERVAL_S), self._committed(), state="down" if self.down_since else "running"
        )

    def _answered(self, lived_s: float) -> int:
        lived_s = max(0.0, lived_s - self.lag_s)
        return int(min(lived_s, 2 * max(0.0, lived_s - self.idle_s)) * RATE)

    def _committed(self) -> int:
        return self._answered(self.lived_s() // INTERVAL_S * INTERVAL_S)

    def end_offsets(self, topic: str, partitions: int, isolation: str) -> list[int]:
        if topic == "input":
            return [int((time.monotonic() - self.began) * RATE)]
        return [self._committed() if isolation == "read_committed" and self.at_once else self._written()]

    def _written(self) -> int:
        return self._answered(self.lived_s())

    def reader(self, topic: str, partitions: int, isolation: str, ends: bool) -> Rows:
        assert (topic, ends) == ("output", True)
        return Rows(self._committed if isolation == "read_committed" else self._written)


class Rows:
    """Wakes when there are more."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count, self._seen = count, count()

    def ends(self) -> dict[int, int]:
        return {0: self._seen}

    def poll(self, timeout_s: float) -> list[int]:
        deadline_s = time.monotonic() + timeout_s
        while (now := self._count()) <= self._seen:
            if time.monotonic() > deadline_s:
                return []
            time.sleep(0.001)
        more, self._seen = now - self._seen, now
        return [more]

    def close(self) -> None:
        pass


class Job:
    """Stands for a deployment."""

    parallelism = 2

    def __init__(self, world: World) -> None:
        self.world, self.faults = world, 0

    def processes(self) -> dict[str, list[int]]:
        return {"worker": [1, 2]}

    def occupied(self) -> list[int]:
        return [1]

    def progress(self) -> Progress:
        return self.world.progress()

    def revive(self) -> None:
        self.world.live()

    def halt(self) -> None:
        self.world.die()

    def relaunch(self, parallelism: int | None) -> None:
        self.world.live()

    @contextmanager
    def under_fault(self) -> Iterator[None]:
        self.faults += 1
        yield


class Death:
    name = "death"
    story = "the job dies"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    graceful = False

    def __init__(self, world: World, confirmed: bool = True) -> None:
        self.world, self.confirmed = world, confirmed
        self.struck: list[float] = []
        self.healed = 0

    def inject(self, target: Target) -> str:
        self.struck.append(self.world.lived_s())
        self.world.die()
        if not self.confirmed:
            raise Unconfirmed("it still breathes")
        return "it is gone"

    def heal(self, target: Target) -> None:
        self.healed += 1
        target.revive()


def unwritten(key: bytes, value: bytes) -> None:
    raise AssertionError("no fault here writes a record")


def query(windowed: bool) -> Query:
    columns = tuple(Column(name, "text" if name == "key" else "integer") for name in ("id", "check", "key", "time"))
    shape: Any = Windowed(Tumbling(1000), (Aggregate("most", "max", "time"),)) if windowed else Project(("time",))
    return Query(columns=columns, time="time", key="key", shape=shape, watermark_delay_ms=0)


@contextmanager
def campaign(
    world: World, fault: Any, marks: list[Any], *, guarantee: str = "exactly-once", windowed: bool = True, **plan: Any
) -> Iterator[Campaign]:
    given = {"fault": "death", "aim": "interval", "wanted": 3, "most": 5, "hold_s": 0.3, "timeouts": "tuned"} | plan
    case: Any = SimpleNamespace(interval_ms=int(INTERVAL_S * 1000), guarantee=guarantee, seed=1, partitions=1)
    log: Any = world
    equipment: Any = SimpleNamespace(
        kind="kafka", broker=None, link=None, disk=None, state=Path(), log=None, gauge_log=world
    )
    job: Any = Job(world)
    with Gauge(log, ("input", "output"), 1, world.progress) as gauge:
        made = Campaign(
            case, Strikes(**given), fault, query(windowed), job, gauge, marks.append, equipment, "output", unwritten
        )
        try:
            yield made
        finally:
            made.end()


def wait_over(running: Campaign) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not running.over:
        assert time.monotonic() < deadline_s, "the strikes did not come to an end"
        time.sleep(0.01)


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
        looks, deadline_s = self.world.looks, time.monotonic() + WAIT_S
        while self.world.looks < looks + 3:
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
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


def test_a_new_row_wakes_at_once_and_rows_that_were_there_do_not(tmp_path: Path):
    log = EmbeddedLog(tmp_path)
    log.create("output", 2)
    writer = log.writer("output")

    def write(count: int) -> None:
        for partition in range(2):
            writer.write(partition, [b"k"] * count, [b"{}"] * count)
        writer.flush(5)

    write(50_000)
    watching, stop = FirstRow(log, "output", 2), threading.Event()
    assert not watching.wait(time.monotonic() + 0.5, stop)
    late = threading.Timer(0.3, write, [1])
    began_s = time.monotonic()
    late.start()
    assert watching.wait(began_s + WAIT_S, stop)
    assert time.monotonic() - began_s >= 0.3
    late.join()
    stop.set()
    assert not watching.wait(time.monotonic() + WAIT_S, stop)
    watching.close()
    writer.close()


def test_a_partition_that_is_written_to_without_a_pause_is_caught_up_with_all_the_same():
    class Restless:
        """Never at its end: each look finds ten more records, of the 25 that were there at first and of those since."""

        def __init__(self) -> None:
            self.read = 0

        def ends(self) -> dict[int, int]:
            return {}

        def poll(self, timeout_s: float) -> list[Chunk]:
            offsets = list(range(self.read, self.read + 10))
            self.read += 10
            return [Chunk(1, offsets, [0] * 10, [b""] * 10)]

        def close(self) -> None:
            pass

    reader = Restless()
    log: Any = SimpleNamespace(end_offsets=lambda *_: [0, 25], reader=lambda *_, **__: reader)
    appearance = FirstRow(log, "output", 2)
    assert appearance.wait(time.monotonic() + WAIT_S, threading.Event())
    assert reader.read > 25


def test_at_most_once_is_struck_right_after_a_commit_and_exposed_by_what_is_unanswered():
    # Nothing is ever unanswered in this job, so no strike is exposed, and the most are tried.
    world, marks = World(at_once=False), []
    with campaign(world, Death(world), marks, guarantee="at-most-once", windowed=False, wanted=2, most=2) as running:
        running.start()
        wait_over(running)
        assert (running.exposed, running.tried) == (0, 2)
    assert {mark.aimed for mark in marks if isinstance(mark, Strike)} == {"right after a commit"}
    assert all(mark.unanswered is not None for mark in marks if isinstance(mark, Exposed))


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
        deadline_s = time.monotonic() + WAIT_S
        while not fault.struck:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
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


def test_a_log_that_does_not_answer_gives_no_reading_and_holds_up_nothing():
    world = World()
    log: Any = SimpleNamespace(end_offsets=lambda *_: (_ for _ in ()).throw(LogFailure("the broker is down")))
    with Gauge(log, ("input", "output"), 1, world.progress) as gauge:
        assert gauge.until(lambda _: True, time.monotonic() + 0.3, threading.Event()) is None


def test_each_trial_strikes_with_a_fault_of_its_own_made_when_its_strikes_are(tmp_path: Path):
    made: list[Death] = []
    world: Any = World()

    class Counted(Death):
        def __init__(self) -> None:
            super().__init__(world)
            made.append(self)

    strikes = Strikes(fault="death", aim="interval", wanted=1, most=1, hold_s=0.0, timeouts="tuned")
    case: Any = SimpleNamespace(
        parameters=Sensors.defaults, partitions=1, paced=None, drain=None, strikes=strikes,
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
