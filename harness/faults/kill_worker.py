"""A worker process is killed (SIGKILL), as by the kernel's out-of-memory killer."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.processes import kill


class KillWorker:
    name = "kill-worker"
    story = "one worker is killed (SIGKILL) and, where nothing else does that, started again as an operator would"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    graceful = False

    def inject(self, target: Target) -> str:
        pid = target.chance.choice(sorted(target.occupied()))
        kill([pid])
        return f"worker {pid} is gone"

    def heal(self, target: Target) -> None:
        target.revive()


fault = KillWorker
