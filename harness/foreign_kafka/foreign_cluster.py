"""What is known of a Kafka cluster that is not ours, whether a run on it can be right, and how its topics are made.

Pure: the facts are read by `harness.foreign_kafka.foreign_broker`. What a cluster does not tell is no reason to refuse
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engines.logs.topic_settings import TopicSettings
from results.plan import ForeignBroker

LEAST_MESSAGE_BYTES = 1_000_012
"""A client of librdkafka sends a million bytes at once, and a batch has a head beside it."""

LEAST_TRANSACTION_MS = 120_000
"""A backlog is written in one transaction, which may stay open for so long."""

_FOREVER = str(2**63 - 1)
_AHEAD = {
    "log.message.timestamp.after.max.ms": "message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms": "message.timestamp.before.max.ms",
    "log.message.timestamp.difference.max.ms": "message.timestamp.difference.max.ms",
}
"""How far a record's time may be from the broker's clock: of the cluster, and of a topic. Brokers have some of them."""

TOLD = (
    "default.replication.factor",
    "min.insync.replicas",
    "message.max.bytes",
    "log.retention.ms",
    "log.retention.bytes",
    "log.cleanup.policy",
    "log.message.timestamp.type",
    "auto.create.topics.enable",
    "delete.topic.enable",
    "compression.type",
    "unclean.leader.election.enable",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.max.timeout.ms",
    *_AHEAD,
)
"""Settings of a cluster's brokers that bear on a run, by Kafka's names: they are looked at, and stand in the result."""

_OWN_TOPICS = {
    "__consumer_offsets": ("offsets.topic.replication.factor", "min.insync.replicas"),
    "__transaction_state": ("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
}
"""Topics of Kafka's own that a run needs: how many replicas they get, and how many of these must be in sync."""


@dataclass(frozen=True)
class Obstacle:
    """Why a run could not be right, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True)
class ForeignCluster:
    """A cluster as it was found."""

    brokers: int
    """How many brokers are there."""
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of its brokers, those of TOLD that they tell: the values that occur, by Kafka's name."""
    in_sync: Mapping[str, int] = field(default_factory=dict)
    """Of topics of Kafka's own that are there: how many replicas of a partition are in sync, at the worst one."""

    def numbers(self, name: str) -> list[int]:
        """The values of a setting that are whole numbers; empty where none is told."""
        values = (value.strip() for value in self.settings.get(name, ()))
        return [int(value) for value in values if value.removeprefix("-").isdecimal() and value.isascii()]

    def on(self, name: str) -> bool | None:
        """Whether a switch is on at all brokers; None where that is not told."""
        values = {value.strip().lower() for value in self.settings.get(name, ())}
        return values == {"true"} if values else None

    @property
    def replication(self) -> int:
        """How many replicas a topic gets that does not ask for a number."""
        return max([1, *self.numbers("default.replication.factor")])

    @property
    def least_in_sync(self) -> int:
        """How many replicas must have a record before it is acknowledged."""
        return max([1, *self.numbers("min.insync.replicas")])

    def topics(self) -> TopicSettings:
        """How a trial's topics are made: with the cluster's own number of replicas, said aloud."""
        return TopicSettings().replicated(self.replication, self.least_in_sync)

    def engines_topics(self) -> dict[str, str]:
        """What topics need to be told that an engine makes itself, where the cluster's own settings will not do: a
        record's time is event time, which runs ahead of the clock, and nothing may go before it was read.
        """
        needed = {
            topic: _FOREVER
            for broker, topic in _AHEAD.items()
            if any(0 <= number < int(_FOREVER) for number in self.numbers(broker))
        }
        if any(number >= 0 for number in self.numbers("log.retention.bytes")):
            needed["retention.bytes"] = "-1"
        return needed

    def told(self) -> ForeignBroker:
        """What stands in the result."""
        topics = self.topics()
        return ForeignBroker(
            brokers=self.brokers,
            replication=topics.replication,
            settings=dict(topics.settings),
            cluster={name: " or ".join(values) for name, values in sorted(self.settings.items())},
        )

    def summary(self) -> str:
        """The same in a line."""
        brokers = "1 broker" if self.brokers == 1 else f"{self.brokers} brokers"
        kept = f"{self.replication} replica{'s' if self.replication > 1 else ''} of a partition"
        return f"{brokers}, not ours; topics with {kept}, of which {self.least_in_sync} must be in sync"


def obstacles(cluster: ForeignCluster, keep_topics: bool) -> list[Obstacle]:
    """Why a run on the cluster could not be right; empty where nothing that it tells speaks against it.

    keep_topics: nothing is to be deleted at the end.
    """
    found = [*_of_replicas(cluster), *_of_limits(cluster)]
    if not keep_topics and cluster.on("delete.topic.enable") is False:
        what = "the cluster deletes no topics (delete.topic.enable is false), so those of a run would stay for ever"
        found.append(Obstacle(what, "switch it on, or say --keep-topics if they may stay"))
    return found


def _of_replicas(cluster: ForeignCluster) -> Iterator[Obstacle]:
    replication, in_sync = cluster.replication, cluster.least_in_sync
    if cluster.brokers < 1:
        yield Obstacle("the cluster has no broker", "start one")
        return
    if replication > cluster.brokers:
        what = f"a topic is to have {replication} replicas (default.replication.factor), and {cluster.brokers} of its "
        yield Obstacle(f"{what}brokers are there", "start the others, or lower default.replication.factor")
    if in_sync > replication:
        what = f"min.insync.replicas is {in_sync}, and a topic gets {replication} replicas (default.replication.factor)"
        remedy = f"lower min.insync.replicas, or raise default.replication.factor to {in_sync} on as many brokers"
        yield Obstacle(f"{what}: nothing could be written with acks=all", remedy)
    for topic, (factor, least) in _OWN_TOPICS.items():
        needed = max([1, *cluster.numbers(least)])
        if (there := cluster.in_sync.get(topic)) is not None:
            if there < needed:
                what = f"{topic} has a partition with {there} of the {needed} replicas in sync that {least} asks for"
                yield Obstacle(what, "start its other brokers")
            continue
        wanted = max(cluster.numbers(factor), default=None)
        if wanted is not None and wanted > cluster.brokers:
            what = f"{topic} cannot be made: {factor} is {wanted}, and {cluster.brokers} of its brokers are there"
            yield Obstacle(what, f"start the others, or lower {factor}")
        elif wanted is not None and wanted < needed:
            what = f"{topic} could not be written: {factor} is {wanted}, and {least} is {needed}"
            yield Obstacle(what, f"raise {factor}")


def _of_limits(cluster: ForeignCluster) -> Iterator[Obstacle]:
    for name, least, why in (
        ("message.max.bytes", LEAST_MESSAGE_BYTES, "clients send that much at once"),
        ("transaction.max.timeout.ms", LEAST_TRANSACTION_MS, "a backlog is written in one transaction"),
    ):
        value = min(cluster.numbers(name), default=least)
        if value < least:
            yield Obstacle(f"{name} is {value}, and at least {least} is needed: {why}", f"raise {name}")
