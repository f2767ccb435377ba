"""A worker stands still (SIGSTOP) until others have taken its work over, and then goes on: a zombie."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.processes import and_more, pause, pause_family, resume


class PauseWorker:
    name = "pause-worker"
    story = "one worker is stopped (SIGSTOP), children too, for longer than a session may last, and then goes on"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 60.0
    one_victim = True
    graceful = False

    def __init__(self) -> None:
        self._paused: list[int] = []

    def inject(self, target: Target) -> str:
        self._paused = []
        pid = target.victim()
        pause_family([pid], lambda: target.descendants([pid]), self._paused)
        pause([pid])
        return f"worker {pid} stands still{and_more(len(self._paused) - 1)}"

    def heal(self, target: Target) -> None:
        resume(self._paused)
        target.revive()


fault = PauseWorker
