"""How topics of a Kafka log are made: what is asked for, whatever a cluster's own settings are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

RELIED_ON: Mapping[str, str] = {
    # The broker stamps what it appends: latency is told by it, and times that lie ahead are not refused.
    "message.timestamp.type": "LogAppendTime",
    # Nothing goes before it was judged.
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    # What every client here may send at once, and Kafka's own default.
    "max.message.bytes": "1048588",
    # A broker that compresses again would do work that no engine asked for.
    "compression.type": "producer",
    # An acknowledged record that is lost by the cluster would be an engine's fault.
    "unclean.leader.election.enable": "false",
    "min.insync.replicas": "1",
}
"""What a right run rests on, by Kafka's names. These are Kafka's defaults, but for the first three."""

MUST_BE_TOLD = frozenset(("message.timestamp.type", "cleanup.policy", "retention.ms"))
"""Where a cluster does not say what these are, it is not known whether a run is right."""


@dataclass(frozen=True)
class TopicSettings:
    """What every topic of a log is made with."""

    replication: int = 1
    """Replicas of each partition."""
    settings: Mapping[str, str] = field(default_factory=lambda: dict(RELIED_ON))
    """The topic's own settings, by Kafka's names."""

    def replicated(self, replication: int, in_sync: int) -> TopicSettings:
        """The same with so many replicas, of which so many must have a record before it is acknowledged."""
        return replace(self, replication=replication, settings={**self.settings, "min.insync.replicas": str(in_sync)})


def differing(asked: Mapping[str, str], found: Mapping[str, str | None]) -> list[str]:
    """What a topic has otherwise than it was asked for, each in a phrase; empty where all is as it was asked.

    A setting that the cluster does not tell is taken to be as asked, but for those that must be told.
    """
    wrong = []
    for name, wanted in asked.items():
        value = found.get(name)
        if value is None:
            if name in MUST_BE_TOLD:
                wrong.append(f"{name} is not told, where {wanted} was asked for")
        elif value.strip().lower() != wanted.lower():
            wrong.append(f"{name} is {value or 'empty'}, where {wanted} was asked for")
    return wrong
