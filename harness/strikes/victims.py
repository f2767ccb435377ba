"""Who is struck: looked up before the aim, since between that and the blow there may be a few milliseconds only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from engines.protocol import Role, Slot
from harness.deployment import Deployment
from harness.host.engine_processes import EngineProcesses
from harness.strikes.stake import Stake, moved
from harness.strikes.turns import Turns


@dataclass(frozen=True)
class Victims:
    """Who is there to be struck, and what goes back to its last commit then."""

    processes: Mapping[Role, list[int]]
    """Pids of the job's processes by role."""
    occupied: list[int]
    """Pids of the workers that have a part of the job."""
    orphans: list[int] = field(default_factory=list)
    """Pids of those of which it is not known who started them."""
    pid: int | None = None
    """That of the worker whose turn it is; None where not one is struck."""
    slot: int | None = None
    """The slot of that worker."""
    parts: list[int] = field(default_factory=list)
    """The slots that have a part of the job."""
    slots: list[Slot] = field(default_factory=list)
    """All slots, as they were then."""
    stake: Stake = field(default_factory=Stake)
    """What goes back to its last commit."""
    told: bool = True
    """Whether it is known what goes back."""

    def choose(self, workers: Sequence[int]) -> int:
        """The one whose turn it is."""
        return self.pid if self.pid is not None else workers[0]

    def moved(self, slots: Callable[[], Sequence[Slot]]) -> bool:
        """Whether what is at stake is not what it was as this was looked up. slots: as they are now."""
        return self.stake.partitions is not None and moved(self.slots, slots(), self.slot)


class Choice:
    """Looks up who is there, and whose turn it is."""

    def __init__(self, deployment: Deployment, engine: EngineProcesses | None, turns: Turns | None) -> None:
        """turns: None where the fault does not strike one worker."""
        self._deployment, self._engine, self._turns = deployment, engine, turns

    def make(self, exposed_only: bool) -> Victims:
        """exposed_only: as for `Turns.take`."""
        processes, occupied = self._deployment.processes(), self._deployment.occupied()
        orphans = self._engine.orphans() if self._engine is not None else []
        everyone = Victims(processes, occupied, orphans)
        if self._turns is None:
            return everyone
        slots = self._deployment.slots()
        # One worker is always slot 0, wherever it is.
        places = [number for number, slot in enumerate(slots) if slot.pid in occupied]
        places = places[:1] if self._deployment.parallelism == 1 else places
        if not places:
            return everyone
        parts = [0] if self._deployment.parallelism == 1 else places
        slot = self._turns.take(parts, exposed_only)
        place = places[parts.index(slot)]
        rollback, own = self._deployment.rollback, slots[place].partitions
        by_worker = rollback == "worker"
        return Victims(
            processes,
            occupied,
            orphans,
            pid=slots[place].pid,
            slot=slot,
            parts=parts,
            slots=slots,
            stake=Stake(own) if by_worker and own else Stake(),
            told=rollback == "job" or (by_worker and bool(own)),
        )

    def descendants(self, pids: Collection[int], victims: Victims | None) -> list[int]:
        """These processes and all that they started, also what has left them."""
        if self._engine is None:
            return list(pids)
        found = self._engine.descendants(pids)
        workers = victims.processes.get("worker", []) if victims is not None else []
        if victims is not None and len(workers) == 1 and workers[0] in pids:
            # Nobody else could have started them.
            found += self._engine.descendants(victims.orphans)
        return list(dict.fromkeys(found))
