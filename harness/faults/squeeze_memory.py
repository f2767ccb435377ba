"""A worker may have no more memory than it has."""

from __future__ import annotations

from contextlib import suppress

import psutil

from harness.faults.fault import Need, Target, Unconfirmed
from harness.faults.processes import and_more


class SqueezeMemory:
    name = "squeeze-memory"
    story = "one worker is refused any further memory (RLIMIT_DATA at what it has) for a while; what dies is restarted"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 10.0
    one_victim = True
    graceful = False

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int]] = {}

    def inject(self, target: Target) -> str:
        pid = target.victim()
        held = self._squeeze(pid)
        for started in target.descendants([pid]):
            with suppress(psutil.NoSuchProcess):
                if started != pid:
                    self._squeeze(started)
        return f"worker {pid} gets no more than its {held >> 20} MiB of data{and_more(len(self._before) - 1)}"

    def _squeeze(self, pid: int) -> int:
        """Its data in bytes, which are its limit from now on."""
        process = psutil.Process(pid)
        self._before[pid] = soft_and_hard = process.rlimit(psutil.RLIMIT_DATA)
        # A limit below what is taken already frees nothing: it refuses what is asked for from now on.
        held: int = process.memory_info().data
        process.rlimit(psutil.RLIMIT_DATA, (held, soft_and_hard[1]))
        if process.rlimit(psutil.RLIMIT_DATA)[0] != held:
            raise Unconfirmed(f"process {pid} did not take a limit of {held} bytes")
        return held

    def heal(self, target: Target) -> None:
        for pid, before in self._before.items():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).rlimit(psutil.RLIMIT_DATA, before)
        self._before = {}
        target.revive()


fault = SqueezeMemory
