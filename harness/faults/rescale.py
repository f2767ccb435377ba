"""The job goes on with another number of workers: fewer, then more, then as before."""

from __future__ import annotations

from harness.faults.fault import Need, Target


class Rescale:
    name = "rescale"
    story = "the job is stopped and goes on with one worker, at the next strike with one more than at first, and so on"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    one_victim = False
    graceful = True

    def __init__(self) -> None:
        self._strikes = 0
        self._workers: int | None = None

    def inject(self, target: Target) -> str:
        self._workers = (1, target.parallelism + 1, target.parallelism)[self._strikes % 3]
        self._strikes += 1
        target.halt()
        return f"stopped, to go on with {self._workers} worker{'' if self._workers == 1 else 's'}"

    def heal(self, target: Target) -> None:
        # The next strike changes it again; a trial may end with any number of workers.
        target.relaunch(self._workers)


fault = Rescale
