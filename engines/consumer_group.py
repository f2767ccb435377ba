"""A job whose worker processes share the input's partitions as one consumer group.

A worker says what it answers for by printing a line `assigned PID PARTITION ...` each time that changes. It does so
after a rebalance, once its state is restored, and with no partition as soon as it gives them up. One that counts what
it does not answer prints `counters PID late=N broken=N` (or one of the two) with its totals so far, each time they
change. The pid is there because a log may hold the lines of an earlier process.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from engines.logs.offsets import CommittedOffsets
from engines.process import Process, tail
from engines.protocol import Counter, EngineFailure, Progress, Role, Slot

_POLL_S = 0.05
TUNED_SESSION_MS = 6_000
"""The least session time-out that a broker allows by default (group.min.session.timeout.ms)."""

TUNED_HEARTBEAT_MS = 2_000
"""At most a third of the session time-out, as the manuals of Kafka and kafka-python ask."""

TUNED_TRANSACTION_MS = 6_000
"""How long the transaction of a dead worker may stay open, unless a commit interval asks for more."""

_LINE = re.compile(r"^(assigned|counters) (\d+)((?: \S+)*)$", re.MULTILINE)
_COUNT = re.compile(r"(\w+)=(\d+)")


@dataclass(frozen=True)
class _Said:
    """What a process said last, and how often it said what it answers for."""

    assigned: frozenset[int] | None = None
    assignments: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)


class Worker:
    """A worker's process, and those that were started after it died; what each of them said in their log."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._pids = [process.pid]
        self._read = 0
        self._rest = b""
        self._by_pid: dict[int, _Said] = {}
        self._lock = threading.Lock()

    def start_again(self) -> None:
        process = self.process.again()
        self._pids.append(process.pid)
        self.process = process

    def assigned(self) -> frozenset[int] | None:
        """The partitions that its process answers for; None before it said so."""
        return self._said()[-1].assigned

    def assigned_last(self) -> tuple[frozenset[int] | None, int]:
        """The same, or what its predecessor said where it said nothing yet; and how often any of them said such."""
        said = self._said()
        known = [one.assigned for one in said if one.assigned is not None]
        return known[-1] if known else None, sum(one.assignments for one in said)

    def counters(self) -> list[Mapping[str, int]]:
        """The last totals of each process."""
        return [one.counters for one in self._said()]

    def _said(self) -> list[_Said]:
        """By process, in order."""
        with self._lock:
            self._listen()
            return [self._by_pid.get(pid, _Said()) for pid in self._pids]

    def _listen(self) -> None:
        """Take in what was added to the log: it may be long, and is looked at many times a second."""
        with self.process.log.open("rb") as log:
            log.seek(self._read)
            said = self._rest + log.read()
            self._read = log.tell()
        # A line without its end may still be growing.
        complete, _, self._rest = said.rpartition(b"\n")
        for word, pid, rest in _LINE.findall(complete.decode(errors="replace")):
            before = self._by_pid.get(int(pid), _Said())
            if word == "assigned":
                partitions = frozenset(map(int, rest.split()))
                after = replace(before, assigned=partitions, assignments=before.assignments + 1)
            else:
                after = replace(before, counters={name: int(count) for name, count in _COUNT.findall(rest)})
            self._by_pid[int(pid)] = after


class ConsumerGroup:
    """Implements `engines.protocol.RunningJob`, `Observable`, `Placed`, `Slotted` and `Revivable` for such a job."""

    def __init__(
        self,
        workers: Sequence[Process],
        partitions: int,
        settings: Mapping[str, str],
        offsets: CommittedOffsets,
        stop_timeout_s: float = 20.0,
    ) -> None:
        """partitions: of the input topic. offsets: that the group commits of it; closed with the job.

        stop_timeout_s: a worker gets this long to commit and leave the group.
        """
        self.settings = settings
        self._workers = [Worker(process) for process in workers]
        self._partitions = frozenset(range(partitions))
        self._offsets = offsets
        self._stop_timeout_s = stop_timeout_s
        self._stopped = False
        self._changing = threading.Lock()

    def wait_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            dead = self._died("before it was ready")
            if dead:
                raise dead
            assigned = [worker.assigned() for worker in self._workers]
            if None not in assigned and frozenset().union(*filter(None, assigned)) == self._partitions:
                return
            if time.monotonic() > deadline:
                answered = {worker.process.name: own for worker, own in zip(self._workers, assigned, strict=True)}
                last = self._workers[-1].process
                raise EngineFailure(
                    f"the workers did not answer for all of partitions {sorted(self._partitions)} within "
                    f"{timeout_s:g} s (None: not in the group yet): "
                    + ", ".join(f"{name} {None if own is None else sorted(own)}" for name, own in answered.items())
                    + f"; last lines of {last.name}:\n{tail(last.log)}",
                    str(last.log),
                    "see each worker's log beside it, and whether the broker is up",
                )
            time.sleep(_POLL_S)

    def processes(self) -> Mapping[Role, list[int]]:
        processes = [worker.process for worker in self._workers]
        return {"worker": [process.pid for process in processes if process.exit_code is None]}

    def occupied(self) -> list[int]:
        workers = [worker.process for worker in self._workers if worker.assigned()]
        return [process.pid for process in workers if process.exit_code is None]

    def slots(self) -> list[Slot]:
        workers = [(worker.process, worker.assigned()) for worker in self._workers]
        return [Slot(process.pid if process.exit_code is None else None, own) for process, own in workers]

    def failure(self) -> EngineFailure | None:
        return None if self._stopped else self._died("while the job ran")

    def progress(self) -> Progress:
        """Commits and inputs are both the sum of the group's committed offsets; the markers of transactions in the
        input count as well, as each takes an offset. While the broker does not answer they stay as they were.

        The state is what the workers said last, and how often. A dead one is believed until the group gives its
        partitions to another: so a change shows when the group noticed, and not when a process died.
        """
        positions = self._offsets.positions()
        total = None if positions is None else sum(positions.values())
        said = [worker.assigned_last() for worker in self._workers]
        answering = [own for own, _ in said if own is not None]
        state = (
            f"{sum(map(bool, answering))} of {len(said)} workers answer for "
            f"{len(frozenset().union(*answering))} partitions, assignment {sum(times for _, times in said)}"
        )
        return Progress(commits=total or 0, inputs=total, state=state if answering else "", positions=positions)

    def revive(self) -> list[str]:
        """The group gives a new worker partitions only once it knows that the dead one is gone: its session time-out
        is part of what `wait_ready` then waits for.
        """
        with self._changing:
            if self._stopped:
                raise EngineFailure("a stopped job cannot be revived", remedy="submit it again")
            dead = [worker for worker in self._workers if worker.process.exit_code is not None]
            for worker in dead:
                worker.start_again()
        return [worker.process.name for worker in dead]

    def counters(self) -> Mapping[Counter, int]:
        totals: dict[Counter, int] = {}
        for said in (one for worker in self._workers for one in worker.counters()):
            for name in get_args(Counter):
                if name in said:
                    totals[name] = totals.get(name, 0) + said[name]
        return totals

    def stop(self) -> None:
        self._stopped = True
        with self._changing:
            processes = [worker.process for worker in self._workers]
            # All at once: a worker that stops alone hands its partitions to one that is about to stop as well.
            for process in processes:
                if process.exit_code is None:
                    process.signal(signal.SIGTERM)
            for process in processes:
                process.stop(self._stop_timeout_s)
        self._offsets.close()

    def _died(self, when: str) -> EngineFailure | None:
        return next((dead for worker in self._workers if (dead := worker.process.died(when))), None)
