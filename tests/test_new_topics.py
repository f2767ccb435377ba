"""A topic that was made is used as soon as every broker that is asked knows it, and not before."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from engines.logs.kafka import KafkaLog
from engines.logs.protocol import LogFailure


def answered(value: Any = None, error: KafkaException | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
    return future


class Cluster:
    """Stands for a client of several brokers: the first answers come from one that has not heard of the topic."""

    def __init__(self, unheard: int, code: int = KafkaError.UNKNOWN_TOPIC_OR_PART) -> None:
        self.unheard, self.code, self.asked = unheard, code, 0

    def create_topics(self, new: list[Any], **_: Any) -> dict[str, Future[Any]]:
        self.settings = {name: SimpleNamespace(value=value) for name, value in new[0].config.items()}
        return {new[0].topic: answered()}

    def list_topics(self, topic: str, **_: Any) -> Any:
        partitions = {number: SimpleNamespace(leader=1) for number in range(2)}
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=partitions)})

    def describe_configs(self, asked: list[Any], **_: Any) -> dict[Any, Future[Any]]:
        self.asked += 1
        if self.asked <= self.unheard:
            return {asked[0]: answered(error=KafkaException(KafkaError(self.code)))}
        return {asked[0]: answered(self.settings)}


def log_on(cluster: Cluster) -> KafkaLog:
    log = KafkaLog("127.0.0.1:1")
    log._admin = cluster
    return log


def test_a_broker_that_has_not_heard_of_a_topic_is_asked_again() -> None:
    cluster = Cluster(unheard=3)
    log_on(cluster).create("new", 2)
    assert cluster.asked == 4


def test_another_failure_is_told_at_once() -> None:
    cluster = Cluster(unheard=1, code=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(LogFailure, match="reading the settings of topic new"):
        log_on(cluster).create("new", 2)
    assert cluster.asked == 1


def test_a_topic_that_no_broker_hears_of_is_waited_for_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.logs.kafka._REQUEST_S", 0.2)
    with pytest.raises(LogFailure, match="Unknown topic"):
        log_on(Cluster(unheard=10**9)).create("new", 2)
