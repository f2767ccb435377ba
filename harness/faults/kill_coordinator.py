"""The coordinator is killed: Spark's driver, Flink's JobManager, a built-in runner's supervisor."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.processes import kill_family


class KillCoordinator:
    name = "kill-coordinator"
    story = "the coordinator is killed (SIGKILL); the job is submitted again as an operator would, and that time counts"
    needs: frozenset[Need] = frozenset({"coordinator"})
    hold_s = 0.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        pids, workers = target.processes()["coordinator"], target.processes().get("worker", [])

        def find() -> list[int]:
            spared = target.descendants(workers)
            return [pid for pid in target.descendants(pids) if pid not in spared]

        kill_family(pids, find)
        return f"coordinator {', '.join(map(str, pids))} is gone"

    def heal(self, target: Target) -> None:
        target.relaunch(None)


fault = KillCoordinator
