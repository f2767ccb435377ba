"""The broker stands still, as in a long pause of its garbage collector."""

from __future__ import annotations

from harness.faults.fault import Need, Target, Unconfirmed
from harness.faults.processes import pause, resume


class PauseBroker:
    name = "pause-broker"
    story = "the broker is stopped (SIGSTOP) for a while and goes on"
    needs: frozenset[Need] = frozenset({"broker"})
    hold_s = 5.0
    one_victim = False
    graceful = False

    def __init__(self) -> None:
        self._paused: list[int] = []

    def inject(self, target: Target) -> str:
        pid = target.broker.pid if target.broker is not None else None
        if pid is None:
            raise Unconfirmed("there is no broker process of ours")
        self._paused = [pid]
        pause(self._paused)
        return f"broker {pid} stands still"

    def heal(self, target: Target) -> None:  # noqa: ARG002
        resume(self._paused)


fault = PauseBroker
