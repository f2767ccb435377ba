"""The job is stopped in good order and started again from what it kept."""

from __future__ import annotations

from harness.faults.fault import Need, Target


class Restart:
    name = "restart"
    story = "the job is stopped in good order and submitted again: it goes on from its last checkpoint or savepoint"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    one_victim = False
    graceful = True

    def inject(self, target: Target) -> str:
        target.halt()
        return "stopped, to be submitted again"

    def heal(self, target: Target) -> None:
        target.relaunch(None)


fault = Restart
