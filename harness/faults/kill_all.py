"""Every process of the job is killed at once, as when its machine fails."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.processes import kill_family


class KillAll:
    name = "kill-all"
    story = "every process of the job is killed (SIGKILL) at once; the job is submitted again, and that time counts"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        named = [pid for pids in target.processes().values() for pid in pids]
        gone = kill_family(named, target.engine)
        return f"{len(gone)} processes are gone"

    def heal(self, target: Target) -> None:
        target.relaunch(None)


fault = KillAll
