"""A worker process is killed (SIGKILL), as by the kernel's out-of-memory killer."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.processes import and_more, kill_family


class KillWorker:
    name = "kill-worker"
    story = "one worker is killed (SIGKILL) with all its children and, where nothing else does that, started again"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    one_victim = True
    graceful = False

    def inject(self, target: Target) -> str:
        pid = target.victim()
        gone = kill_family([pid], lambda: target.descendants([pid]))
        return f"worker {pid} is gone{and_more(len(gone) - 1)}"

    def heal(self, target: Target) -> None:
        target.revive()


fault = KillWorker
