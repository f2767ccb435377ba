"""A made-up job on made-up logs, a fault that strikes it, and a campaign against it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from engines.protocol import Progress, Slot
from harness.faults.fault import Need, Target, Unconfirmed
from harness.strikes.campaign import Campaign
from harness.strikes.gauge import Gauge
from results.plan import Strikes
from tests.waiting import wait_until
from workloads.query import Aggregate, Column, Project, Query, Tumbling, Windowed

INTERVAL_S = 0.2
RATE = 2_000


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
            return [int((time.monotonic() - self.began) * RATE), 0][:partitions]
        return [self._committed() if isolation == "read_committed" and self.at_once else self._written()]

    def _written(self) -> int:
        return self._answered(self.lived_s())

    def reader(self, topic: str, partitions: int, isolation: str, ends: bool) -> Rows:
        assert topic == "output"
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
    rollback: str | None = "job"
    tells_progress = True

    def __init__(self, world: World) -> None:
        self.world, self.faults = world, 0

    def processes(self) -> dict[str, list[int]]:
        return {"worker": [1, 2]}

    def occupied(self) -> list[int]:
        return [1]

    def slots(self) -> list[Slot]:
        return [Slot(1), Slot(2)]

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


def query(windowed: bool) -> Query:
    columns = tuple(Column(name, "text" if name == "key" else "integer") for name in ("id", "check", "key", "time"))
    shape: Any = Windowed(Tumbling(1000), (Aggregate("most", "max", "time"),)) if windowed else Project(("time",))
    return Query(columns=columns, time="time", key="key", shape=shape, watermark_delay_ms=0)


def unwritten(key: bytes, value: bytes) -> None:
    raise AssertionError("no fault here writes a record")


@contextmanager
def campaign(
    world: World,
    fault: Any,
    marks: list[Any],
    *,
    guarantee: str = "exactly-once",
    windowed: bool = True,
    job: Any = None,
    counts: Any = None,
    printed: Any = None,
    **plan: Any,
) -> Iterator[Campaign]:
    """counts: what counts rows by partition, of two."""
    given = {"fault": "death", "aim": "interval", "wanted": 3, "most": 5, "hold_s": 0.3, "timeouts": "tuned"} | plan
    partitions = 1 if counts is None else 2
    case: Any = SimpleNamespace(interval_ms=int(INTERVAL_S * 1000), guarantee=guarantee, seed=1, partitions=partitions)
    log: Any = world
    job = job or Job(world)
    equipment: Any = SimpleNamespace(
        kind="kafka", broker=None, link=None, disk=None, state=Path(), log=None, gauge_log=world
    )
    with Gauge(log, ("input", "output"), partitions, world.progress, counts) as gauge:
        made = Campaign(
            case,
            Strikes(**given),
            fault,
            query(windowed),
            job,
            gauge,
            marks.append,
            equipment,
            "output",
            unwritten,
            printed=printed,
        )
        try:
            yield made
        finally:
            made.end()


def wait_over(running: Campaign) -> None:
    wait_until(lambda: running.over, awaited="the strikes to come to an end")
