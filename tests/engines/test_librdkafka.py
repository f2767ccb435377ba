"""Transactions by librdkafka: how long a commit may take, and how a producer is left alone."""

from __future__ import annotations

import gc
import weakref

from confluent_kafka import KafkaException

from engines.librdkafka import abandon, commit_limit_s


class Producer:
    """As the library's: purging may fail, and who is collected waits for its transaction's end."""

    def __init__(self) -> None:
        self.purged = 0

    def purge(self) -> None:
        self.purged += 1
        raise KafkaException("fenced")


def test_an_abandoned_producer_is_purged_and_never_collected() -> None:
    producer = Producer()
    abandon(producer)
    assert producer.purged == 1
    seen = weakref.ref(producer)
    del producer
    gc.collect()
    assert seen() is not None


def test_a_commit_may_take_longer_than_the_broker_lets_a_transaction_stay_open() -> None:
    assert commit_limit_s(10_000) > 10
    assert commit_limit_s(20_000) - commit_limit_s(10_000) == 10
