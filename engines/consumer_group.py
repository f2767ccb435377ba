"""A job whose worker processes share the input's partitions as one consumer group.

A worker says what it answers for by printing a line `assigned PID PARTITION ...` each time that changes: after a
rebalance, once its state is restored, and with no partition as soon as it gives them up. One that counts what it does
not answer prints `counters PID late=N broken=N` (or one of the two) with its totals so far, each time they change. The
pid is there because a log may hold the lines of an earlier process.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Mapping, Sequence
from typing import get_args

from engines.process import Process, tail
from engines.protocol import Counter, EngineFailure, Role

_POLL_S = 0.05


class ConsumerGroup:
    """Implements `engines.protocol.Running` for such a job."""

    def __init__(
        self, workers: Sequence[Process], partitions: int, settings: Mapping[str, str], stop_timeout_s: float = 20.0
    ) -> None:
        """partitions: of the input topic. stop_timeout_s: a worker gets this long to commit and leave the group."""
        self.settings = settings
        self._workers = workers
        self._partitions = frozenset(range(partitions))
        self._stop_timeout_s = stop_timeout_s
        self._stopped = False

    def wait_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            dead = self._died("before it was ready")
            if dead:
                raise dead
            assigned = [self._assigned(worker) for worker in self._workers]
            if None not in assigned and frozenset().union(*filter(None, assigned)) == self._partitions:
                return
            if time.monotonic() > deadline:
                answered = {worker.name: own for worker, own in zip(self._workers, assigned, strict=True)}
                last = self._workers[-1]
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
        return {"worker": [worker.pid for worker in self._workers if worker.exit_code is None]}

    def failure(self) -> EngineFailure | None:
        return None if self._stopped else self._died("while the job ran")

    def counters(self) -> Mapping[Counter, int]:
        totals: dict[Counter, int] = {}
        for worker in self._workers:
            said = dict(re.findall(r"(\w+)=(\d+)", _last(worker, "counters") or ""))
            for name in get_args(Counter):
                if name in said:
                    totals[name] = totals.get(name, 0) + int(said[name])
        return totals

    def stop(self) -> None:
        self._stopped = True
        # All at once: a worker that stops alone hands its partitions to one that is about to stop as well.
        for worker in self._workers:
            if worker.exit_code is None:
                worker.signal(signal.SIGTERM)
        for worker in self._workers:
            worker.stop(self._stop_timeout_s)

    def _died(self, phase: str) -> EngineFailure | None:
        return next((dead for worker in self._workers if (dead := worker.died(phase))), None)

    @staticmethod
    def _assigned(worker: Process) -> frozenset[int] | None:
        partitions = _last(worker, "assigned")
        return None if partitions is None else frozenset(map(int, partitions.split()))


def _last(worker: Process, word: str) -> str | None:
    """What the process's last line that begins with `word PID` goes on with; None if it printed none."""
    text = worker.log.read_text(errors="replace")
    # A line without its end may still be growing.
    lines = re.findall(rf"^{word} {worker.pid}((?: \S+)*)\n", text, re.MULTILINE)
    return lines[-1] if lines else None
