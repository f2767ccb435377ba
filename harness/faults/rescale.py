"""The job goes on with another number of workers: fewer, then more, then as before."""

from __future__ import annotations

from harness.faults.fault import Need, Target


class Rescale:
    name = "rescale"
    story = "the job is stopped and goes on with one worker, at the next strike with one more than at first, and so on"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0

    def __init__(self) -> None:
        self._strikes = 0

    def inject(self, target: Target) -> str:
        wanted = (1, target.parallelism + 1, target.parallelism)[self._strikes % 3]
        self._strikes += 1
        target.relaunch(wanted)
        return f"goes on with {wanted} workers"

    def heal(self, target: Target) -> None:
        """The next strike changes it again; a trial may end with any number of workers."""


fault = Rescale()
