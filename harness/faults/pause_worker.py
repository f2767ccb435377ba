"""A worker stands still (SIGSTOP) until others have taken its work over, and then goes on: a zombie."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.processes import pause, resume


class PauseWorker:
    name = "pause-worker"
    story = "one worker is stopped (SIGSTOP) for longer than a session may last, and goes on when it was given up"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 60.0
    graceful = False

    def __init__(self) -> None:
        self._paused: list[int] = []

    def inject(self, target: Target) -> str:
        self._paused = [target.chance.choice(sorted(target.occupied()))]
        pause(self._paused)
        return f"worker {self._paused[0]} stands still"

    def heal(self, target: Target) -> None:
        resume(self._paused)
        target.revive()


fault = PauseWorker
