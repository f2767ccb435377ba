"""The broker is killed and started again on its data."""

from __future__ import annotations

from harness.faults.fault import Need, Target, Unconfirmed
from harness.faults.processes import kill


class KillBroker:
    name = "kill-broker"
    story = "the broker is killed (SIGKILL) and, after a while, started again on its data"
    needs: frozenset[Need] = frozenset({"broker"})
    hold_s = 2.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        pid = _pid(target)
        kill([pid])
        return f"broker {pid} is gone"

    def heal(self, target: Target) -> None:
        if target.broker is not None:
            target.broker.restart()


def _pid(target: Target) -> int:
    pid = target.broker.pid if target.broker is not None else None
    if pid is None:
        raise Unconfirmed("there is no broker process of ours")
    return pid


fault = KillBroker
