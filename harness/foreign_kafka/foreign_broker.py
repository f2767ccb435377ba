"""A Kafka that somebody else runs (`--kafka`): found, looked at, and refused where a run on it could not be right."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import ClusterMetadata, ConfigResource, ResourceType

from engines.logs.refusal import reason
from harness import broker_answer
from harness.broker_answer import Caller, Unanswered
from harness.foreign_kafka.broker_address import EXAMPLE, normalised
from harness.foreign_kafka.foreign_cluster import TOLD, ForeignCluster, Obstacle, obstacles
from harness.problem import ExitCode, Problem

_INTERNAL = ("__consumer_offsets", "__transaction_state")


@dataclass(frozen=True)
class ForeignKafka:
    """A cluster of somebody else, which answered; the harness and engines share its addresses."""

    address: str
    """Bootstrap HOST:PORT, or several with commas between them."""
    cluster: ForeignCluster
    """What it told of itself."""

    @property
    def harness_address(self) -> str:
        return self.address

    @property
    def engine_address(self) -> str:
        return self.address

    @property
    def pids(self) -> list[int]:
        return []

    def failure(self) -> None:
        return None

    def stop(self) -> None:
        return


def existing(address: str) -> ForeignKafka:
    """The cluster at HOST:PORT, or at several, once every broker of it answered.

    Raises Problem if the address is none, if nothing answers in 10 s, or if a broker does not answer under the address
    that the cluster tells its clients.
    """
    try:
        address = normalised(address)
    except ValueError as error:
        raise Problem(
            f"this is not a broker's address: {error}", "", f"give HOST:PORT, such as {EXAMPLE}", ExitCode.USAGE
        ) from error
    caller = Caller(address)
    try:
        found = caller.metadata()
    except Unanswered as none:
        raise Problem(
            f"no Kafka broker answers at {address}: {none}",
            f"waited {broker_answer.ANSWER_S:g} s for its metadata",
            "start it, or leave out the address and one is started here",
        ) from none
    return ForeignKafka(address, cluster_of(found, _settings(caller, found, address)))


def refuse_unfit(kafka: ForeignKafka, keep_topics: bool) -> None:
    """Raises Problem, with every reason why a run on the cluster could not be right."""
    found = obstacles(kafka.cluster, keep_topics)
    if found:
        raise Problem(_listed(found), f"the Kafka at {kafka.address}", "; ".join(each.remedy for each in found))


def _listed(found: list[Obstacle]) -> str:
    if len(found) == 1:
        return f"a run on this Kafka could not be right: {found[0].what}"
    return "\n".join(("a run on this Kafka could not be right:", *(each.what for each in found)))


def cluster_of(found: ClusterMetadata, told: Iterable[Mapping[str, str]]) -> ForeignCluster:
    """The cluster by its metadata, and by the settings that each of its brokers tells."""
    values: dict[str, dict[str, None]] = {}
    for settings in told:
        for name in TOLD:
            if name in settings:
                values.setdefault(name, {})[settings[name]] = None
    in_sync = {
        name: min(len(partition.isrs) for partition in found.topics[name].partitions.values())
        for name in _INTERNAL
        if name in found.topics and found.topics[name].partitions
    }
    return ForeignCluster(len(found.brokers), {name: tuple(each) for name, each in values.items()}, in_sync)


def _settings(caller: Caller, found: ClusterMetadata, address: str) -> list[dict[str, str]]:
    """The settings of each broker, asked of that broker itself. Raises Problem."""
    asked: dict[int, Future[Any]] = {}
    for number in found.brokers:
        resource = ConfigResource(ResourceType.BROKER, str(number))
        asked[number] = caller.admin.describe_configs([resource], request_timeout=broker_answer.ANSWER_S)[resource]
    deadline = time.monotonic() + 2 * broker_answer.ANSWER_S
    told = []
    for number, answer in asked.items():
        broker = found.brokers[number]
        where = f"broker {number}, which the cluster at {address} says to be at {broker.host}:{broker.port}"
        try:
            entries = answer.result(max(0.1, deadline - time.monotonic()))
        except (KafkaException, TimeoutError) as error:
            if _denied(error):
                what = f"the settings of this Kafka cannot be read: {reason(error)}"
                remedy = "allow DescribeConfigs on the cluster: what a right run rests on is looked at before it"
                raise Problem(what, where, remedy) from error
            what = f"a broker of this Kafka does not answer: {caller.why(error)}"
            raise Problem(what, where, "see its advertised.listeners: every client must reach it there") from error
        told.append({name: entry.value for name, entry in entries.items() if entry.value is not None})
    return told


def _denied(error: KafkaException | TimeoutError) -> bool:
    if not isinstance(error, KafkaException):
        return False
    # What the broker itself answered; the client's own codes are below nought.
    code = error.args[0].code()
    return bool(code > 0 and not error.args[0].retriable())
