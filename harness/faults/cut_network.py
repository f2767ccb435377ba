"""The link between engines and broker is cut: packets vanish, connections stay open."""

from __future__ import annotations

import time

from harness.faults.fault import Need, Target, Unconfirmed
from harness.faults.link import WATCHED_S, heal, link_of


class CutNetwork:
    name = "cut-network"
    story = "the link between engines and broker is cut for a while: nothing passes, no connection is closed"
    needs: frozenset[Need] = frozenset({"link"})
    hold_s = 8.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        link = link_of(target)
        link.link("cut")
        before = link.forwarded()
        time.sleep(WATCHED_S)  # That nothing happens can only be seen by looking for a while.
        passed = link.forwarded() - before
        if passed:
            raise Unconfirmed(f"{passed} bytes passed the link after it was cut")
        return f"nothing passed in {WATCHED_S:g} s"

    def heal(self, target: Target) -> None:
        heal(target)


fault = CutNetwork
