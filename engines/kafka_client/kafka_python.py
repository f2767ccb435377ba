"""kafka-python behind `client`: a client for Kafka in pure Python."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata, TopicPartition

from .client import ClientError, Listener, Offsets

_CLOSE_MS = 5_000
"""To leave the group: the broker answers that only after a rebalance, and one can wait for a dead worker's time-out."""
_POLL_MS = 100


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except KafkaError as error:
        raise ClientError(f"{type(error).__name__}: {error}") from error


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    """kafka-python calls it while `poll` or `close` waits, on a thread that must not wait for the consumer."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        self._listener.revoked()

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        self._listener.lost()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._listener.assigned({partition.partition for partition in assigned})


class _Consumer:
    def __init__(self, topic: str, settings: Mapping[str, Any], producer: Mapping[str, Any]) -> None:
        """producer: settings of those whose transactions carry its offsets."""
        self._topic, self._producer = topic, producer
        with _told():
            self.own = KafkaConsumer(**settings)

    def subscribe(self, listener: Listener) -> None:
        self.own.subscribe([self._topic], listener=_Rebalances(listener))

    def poll(self, timeout_s: float) -> Mapping[int, Sequence[Any]]:
        """Its ConsumerRecord has the fields of ours."""
        with _told():
            return {at.partition: batch for at, batch in self.own.poll(timeout_ms=round(timeout_s * 1000)).items()}

    def assignment(self) -> set[int]:
        return {partition.partition for partition in self.own.assignment()}

    def committed(self, partitions: Collection[int]) -> Mapping[int, int | None]:
        with _told():
            return {partition: self.own.committed(self._at(partition)) for partition in partitions}

    def start_at(self, positions: Mapping[int, int | None]) -> None:
        with _told():
            for partition, position in positions.items():
                if position is None:
                    self.own.seek_to_beginning(self._at(partition))
                else:
                    self.own.seek(self._at(partition), position)

    def commit(self, offsets: Offsets) -> None:
        with _told():
            self.own.commit(self.positions(offsets))

    def producer(self) -> _Producer:
        return _Producer(self._producer, self)

    def close(self) -> None:
        self.own.close(timeout_ms=_CLOSE_MS)

    def positions(self, offsets: Offsets) -> dict[TopicPartition, OffsetAndMetadata]:
        return {self._at(partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


class _Producer:
    def __init__(self, settings: Mapping[str, Any], consumer: _Consumer) -> None:
        self._consumer = consumer
        with _told():
            self._own = KafkaProducer(**settings)
        self._sent: list[Any] = []

    def begin(self) -> None:
        with _told():
            self._own.init_transactions()
            self._own.begin_transaction()

    def send(self, topic: str, key: bytes, value: bytes | None, partition: int | None) -> None:
        with _told():
            self._sent.append(self._own.send(topic, value, key, partition=partition))

    def settle(self, timeout_s: float | None) -> None:
        """None for its own delivery_timeout_ms."""
        with _told():
            self._own.flush(timeout_s)
            sent, self._sent = self._sent, []
            for future in sent:
                if future.failed():
                    raise future.exception

    def forget(self) -> None:
        self._sent.clear()

    def commit(self, offsets: Offsets) -> None:
        with _told():
            group = self._consumer.own.group_metadata()
            self._own.send_offsets_to_transaction(self._consumer.positions(offsets), group)
            self._own.commit_transaction()
            self._own.begin_transaction()

    def close(self) -> None:
        with suppress(KafkaError):
            self._own.close(_CLOSE_MS / 1000)

    def abandon(self) -> None:
        with suppress(KafkaError):
            self._own.close(0)


class KafkaPython:
    """Implements `client.Client`."""

    def __init__(self, topic: str, consumer: Mapping[str, Any], producer: Mapping[str, Any]) -> None:
        self._topic, self._consumer, self._producer = topic, consumer, producer
        default_ms = KafkaProducer.DEFAULT_CONFIG["transaction_timeout_ms"]
        self.transaction_s = producer.get("transaction_timeout_ms", default_ms) / 1000

    def consumer(self) -> _Consumer:
        return _Consumer(self._topic, self._consumer, self._producer)

    def read(
        self, topic: str, partitions: Collection[int], timeout_s: float
    ) -> Iterator[tuple[int, bytes, bytes | None]]:
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        settings = {**self._address(), "enable_auto_commit": False, "auto_offset_reset": "earliest"}
        with _told():
            with closing(KafkaConsumer(**settings, isolation_level="read_uncommitted")) as consumer:
                ends = consumer.end_offsets(wanted)
            deadline = time.monotonic() + timeout_s
            with closing(KafkaConsumer(**settings, isolation_level="read_committed")) as consumer:
                consumer.assign(wanted)
                consumer.seek_to_beginning(*wanted)
                while any(consumer.position(at) < ends[at] for at in wanted):
                    if time.monotonic() > deadline:
                        raise ClientError(f"{topic} was not read to {ends} in {timeout_s:g} s")
                    for at, records in consumer.poll(timeout_ms=_POLL_MS).items():
                        yield from ((at.partition, record.key, record.value) for record in records)

    def create_topic(self, topic: str, partitions: int, configs: Mapping[str, str]) -> None:
        admin = KafkaAdminClient(**self._address())
        with _told(), closing(admin), suppress(TopicAlreadyExistsError):
            described = {"num_partitions": partitions, "configs": configs}
            admin.create_topics({topic: described}, wait_for_metadata=True)

    def _address(self) -> dict[str, Any]:
        return {"bootstrap_servers": self._consumer["bootstrap_servers"]}
