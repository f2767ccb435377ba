"""Everything between engines and broker takes longer, as between regions."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.link import heal, link_of

DELAY_S = 0.2


class DelayNetwork:
    name = "delay-network"
    story = "everything between engines and broker takes 200 ms more each way for a while"
    needs: frozenset[Need] = frozenset({"link"})
    hold_s = 10.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        link_of(target).link("open", delay_s=DELAY_S)
        return f"{DELAY_S * 1000:g} ms each way"

    def heal(self, target: Target) -> None:
        heal(target)


fault = DelayNetwork
