"""The link between engines and broker is narrow."""

from __future__ import annotations

from harness.faults.fault import Need, Target
from harness.faults.link import heal, link_of

RATE = 200_000.0
"""Bytes a second, each connection and direction."""


class ThrottleNetwork:
    name = "throttle-network"
    story = "each connection between engines and broker passes 200 kB a second and direction for a while"
    needs: frozenset[Need] = frozenset({"link"})
    hold_s = 10.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        link_of(target).link("open", rate=RATE)
        return f"{RATE / 1000:g} kB/s a connection and direction"

    def heal(self, target: Target) -> None:
        heal(target)


fault = ThrottleNetwork
