"""A record that is no event comes with the others."""

from __future__ import annotations

from harness.faults.fault import Need, Target


class Poison:
    name = "poison"
    story = "a record that is no event (no JSON) is written among the others"
    needs: frozenset[Need] = frozenset({"input"})
    hold_s = 0.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        target.write(b"poison", b"streamgauge: a record that is no event")
        return "the log acknowledged a record that is no event"

    def heal(self, target: Target) -> None:
        """What is in a log stays there."""


fault = Poison
