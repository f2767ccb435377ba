"""What a fault is: what it needs, how it is injected, confirmed and healed. When to strike is apart from it.

A fault touches only what it is given in a `Target`: processes that we started, by pid, and a link that is ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Literal, Protocol

from engines.protocol import Role
from harness.host.disk import SmallDisk
from harness.instruments.proxy import Proxy

Need = Literal["worker", "coordinator", "broker", "link", "input", "disk"]


class Unconfirmed(Exception):
    """A fault was injected, but that it took effect could not be confirmed: what was waited for."""


class OwnBroker(Protocol):
    """A broker that may be killed and started again, with its data."""

    @property
    def pid(self) -> int | None: ...

    @property
    def data(self) -> Path:
        """Where it keeps its topics, a folder NAME-PARTITION each."""
        ...

    def restart(self) -> None:
        """Start the dead broker again on its data and ports; returns once it answers."""
        ...


@dataclass(frozen=True)
class Target:
    """What a fault may touch in one trial."""

    processes: Callable[[], Mapping[Role, list[int]]]
    """Pids of the job by role, asked anew at each call."""
    occupied: Callable[[], list[int]]
    """Pids of the workers that have a part of the job; one that only stands by is no victim."""
    revive: Callable[[], None]
    """Start again what died of the job, as an operator would. Returns once it was started."""
    halt: Callable[[], None]
    """Stop the job in good order. Returns once nothing of it runs."""
    relaunch: Callable[[int | None], None]
    """End what is left of the job and submit it again, with this parallelism (None: as before). Returns once it is
    ready."""
    broker: OwnBroker | None
    """The broker, which may be killed; None where the trial has none of its own."""
    link: Proxy | None
    """The link between engine and broker; None where the trial has none of its own."""
    state: Path
    """The job's state directory."""
    write: Callable[[bytes, bytes], None]
    """Put one record that is no event, given as key and value, into the input. Returns once it is acknowledged. Who
    reads events there passes over it."""
    parallelism: int
    """That of the job as it was first submitted."""
    chance: random.Random
    """The trial's own source of random numbers, seeded."""
    disk: SmallDisk | None = None
    """The small one that the job's state is on; None where the fault does not need it."""
    choose: Callable[[Sequence[int]], int] = itemgetter(0)
    """Whose turn it is, of some workers, given and returned as pids."""
    descendants: Callable[[Collection[int]], list[int]] = list
    """Of some pids, these and all that they started, also what has left them since."""
    engine: Callable[[], list[int]] = list
    """Pids of all that the engine started."""

    def victim(self) -> int:
        """Pid of the worker that is struck, where one is."""
        return self.choose(self.occupied())

    def lacks(self, needs: frozenset[Need]) -> str | None:
        """Which of the needs is not there, in words, or None."""
        processes = self.processes()
        there = {
            "worker": bool(processes.get("worker")),
            "coordinator": bool(processes.get("coordinator")),
            "broker": self.broker is not None,
            "link": self.link is not None,
            "input": True,
            "disk": self.disk is not None,
        }
        lacking = sorted(need for need in needs if not there[need])
        return f"the trial has no {' and no '.join(lacking)} of its own" if lacking else None


def has_one_victim(fault: Fault | type[Fault]) -> bool:
    """Whether it says that it strikes one worker."""
    return getattr(fault, "one_victim", False)


class Fault(Protocol):
    """A class of which each trial makes a fault of its own: what it keeps from strike to strike is that trial's.

    What a fault is like stands in the class, and is read without making one. A class that a module in harness/faults/
    has as `fault` is found, and so is one that an entry point names.
    """

    name: str
    """As suites name it: the name of its module, with - for _."""
    story: str
    """What it does, in a sentence for readers."""
    needs: frozenset[Need]
    """What the trial must have for it: without one of these the case cannot run."""
    hold_s: float
    """How long it lasts by default before it is healed, in seconds; 0 where injecting leaves nothing to last."""
    one_victim: bool
    """Whether it strikes one worker, `Target.victim`: then they take turns. None is struck by a fault that has no such
    attribute."""
    graceful: bool
    """Whether the job is asked to end: at stake is what was so when it was asked, since it may commit as it ends."""

    def inject(self, target: Target) -> str:
        """Do it, and return what was done once that is confirmed. Raises Unconfirmed."""
        ...

    def heal(self, target: Target) -> None:
        """Undo it. Called whatever happened after `inject` began; may be called when there is nothing to undo."""
        ...
