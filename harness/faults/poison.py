"""A record that is no event comes with the others."""

from __future__ import annotations

from engines.logs.protocol import Log
from harness.faults.fault import Need, Target

POISON = b"streamgauge: a record that is no event"
"""What is written into the input; readers of events pass over it."""

_WRITTEN_S = 15.0


def write(log: Log, topic: str) -> None:
    """One record that is no event, acknowledged. Raises LogFailure."""
    writer = log.writer(topic)
    try:
        writer.write(0, [b"poison"], [POISON])
        writer.flush(_WRITTEN_S)
    finally:
        writer.close()


class Poison:
    name = "poison"
    story = "a record that is no event (no JSON) is written among the others"
    needs: frozenset[Need] = frozenset({"input"})
    hold_s = 0.0
    graceful = False

    def inject(self, target: Target) -> str:
        target.poison()
        return "the log acknowledged a record that is no event"

    def heal(self, target: Target) -> None:
        """What is in a log stays there."""


fault = Poison()
