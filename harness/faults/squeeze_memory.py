"""A worker may have no more memory than it has."""

from __future__ import annotations

from contextlib import suppress

import psutil

from harness.faults.fault import Need, Target, Unconfirmed


class SqueezeMemory:
    name = "squeeze-memory"
    story = "one worker is refused any further memory (RLIMIT_DATA at what it has) for a while; what dies is restarted"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 10.0
    graceful = False

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int]] = {}

    def inject(self, target: Target) -> str:
        worker = psutil.Process(target.chance.choice(sorted(target.occupied())))
        soft, hard = worker.rlimit(psutil.RLIMIT_DATA)
        self._before[worker.pid] = soft, hard
        # A limit below what is taken already frees nothing: it refuses what is asked for from now on.
        held = worker.memory_info().data
        worker.rlimit(psutil.RLIMIT_DATA, (held, hard))
        if worker.rlimit(psutil.RLIMIT_DATA)[0] != held:
            raise Unconfirmed(f"worker {worker.pid} did not take a limit of {held} bytes")
        return f"worker {worker.pid} gets no more than its {held >> 20} MiB of data"

    def heal(self, target: Target) -> None:
        for pid, before in self._before.items():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).rlimit(psutil.RLIMIT_DATA, before)
        self._before = {}
        target.revive()


fault = SqueezeMemory
