"""confluent-kafka behind `client`: librdkafka, which is written in C, for Python."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from engines import librdkafka
from engines.time_limit import ends_within

from .client import ClientError, Listener, Offsets, Record

_RECORDS = 10_000
"""As many are taken at once as are there, up to these: a call for each would cost more than the work."""
_ANSWER_S = 30.0
_POLL_S = 0.1
_GATHER_S = 0.005
"""Of records that come one by one several are taken together: a call returns as soon as it has one."""


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except KafkaException as error:
        raise ClientError(str(error.args[0] if error.args else error)) from error
    except BufferError as error:
        raise ClientError(f"the producer's queue is full: {error}") from error


class _Consumer:
    def __init__(
        self, topic: str, settings: Mapping[str, Any], producer: Mapping[str, Any], commit_limit_s: float
    ) -> None:
        """producer: settings of those whose transactions carry its offsets; a commit of one is bounded by the limit."""
        self._topic, self._producer, self._commit_limit_s = topic, producer, commit_limit_s
        self._mine: set[int] = set()
        with _told():
            self.own = confluent_kafka.Consumer(dict(settings))

    def subscribe(self, listener: Listener) -> None:
        def assigned(consumer: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
            # Nothing is fetched before it is known from where.
            consumer.assign([])
            self._mine = {partition.partition for partition in partitions}
            listener.assigned(set(self._mine))

        def revoked(consumer: confluent_kafka.Consumer, _: object) -> None:
            listener.revoked()
            self._mine = set()
            consumer.unassign()

        def lost(consumer: confluent_kafka.Consumer, _: object) -> None:
            listener.lost()
            self._mine = set()
            consumer.unassign()

        with _told():
            self.own.subscribe([self._topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)

    def poll(self, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        with _told():
            found = self.own.consume(1, timeout_s)
            if found:
                # What is there already comes without a wait.
                found += self.own.consume(_RECORDS, _GATHER_S)
        taken: dict[int, list[Record]] = {}
        for message in found:
            if (error := message.error()) is not None:
                if error.fatal() or not error.retriable():
                    raise ClientError(str(error))
                continue
            partition = message.partition()
            taken.setdefault(partition, []).append(Record(partition, message.offset(), message.value()))
        # Partitions may have gone while the second call waited.
        return {partition: records for partition, records in taken.items() if partition in self._mine}

    def assignment(self) -> set[int]:
        return set(self._mine)

    def committed(self, partitions: Collection[int]) -> Mapping[int, int | None]:
        with _told():
            found = self.own.committed([TopicPartition(self._topic, each) for each in partitions], _ANSWER_S)
        for each in found:
            if each.error is not None:
                raise ClientError(str(each.error))
        return {each.partition: each.offset if each.offset >= 0 else None for each in found}

    def start_at(self, positions: Mapping[int, int | None]) -> None:
        wanted = [
            TopicPartition(self._topic, partition, OFFSET_BEGINNING if offset is None else offset)
            for partition, offset in positions.items()
        ]
        with _told():
            self.own.assign(wanted)

    def commit(self, offsets: Offsets) -> None:
        with _told():
            for each in self.own.commit(offsets=self.positions(offsets), asynchronous=False):
                if each.error is not None:
                    raise ClientError(str(each.error))

    def producer(self) -> _Producer:
        return _Producer(self._producer, self, self._commit_limit_s)

    def close(self) -> None:
        with suppress(KafkaException):
            self.own.close()

    def positions(self, offsets: Offsets) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]


class _Producer:
    def __init__(self, settings: Mapping[str, Any], consumer: _Consumer, commit_limit_s: float) -> None:
        self._consumer, self._commit_limit_s = consumer, commit_limit_s
        self.forget()
        with _told():
            self._own = confluent_kafka.Producer(dict(settings))

    def begin(self) -> None:
        with _told():
            self._own.init_transactions(_ANSWER_S)
            self._own.begin_transaction()

    def send(self, topic: str, key: bytes, value: bytes | None, partition: int | None) -> None:
        where = {} if partition is None else {"partition": partition}
        with _told():
            while True:
                try:
                    self._own.produce(topic, value, key, on_delivery=self._delivered, **where)
                except BufferError:
                    self._own.poll(_POLL_S)
                else:
                    break
            self._own.poll(0)

    def settle(self, timeout_s: float | None) -> None:
        """None for its own delivery.timeout.ms, by which every record is delivered or refused."""
        with _told():
            left = self._own.flush(-1 if timeout_s is None else timeout_s)
        if refused := list(self._refused):
            self._refused.clear()
            raise ClientError(str(refused[0]))
        if left:
            raise ClientError(f"{left} records were not acknowledged in {timeout_s} s")

    def forget(self) -> None:
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                refused.append(error)

        self._refused, self._delivered = refused, delivered

    def commit(self, offsets: Offsets) -> None:
        limit_s = self._commit_limit_s
        with _told(), ends_within(2 * limit_s, "committing a transaction"):
            group = self._consumer.own.consumer_group_metadata()
            self._own.send_offsets_to_transaction(self._consumer.positions(offsets), group, limit_s)
            self._own.commit_transaction(limit_s)
            self._own.begin_transaction()

    def close(self) -> None:
        # To close it would wait for the transaction's end.
        librdkafka.abandon(self._own)

    def abandon(self) -> None:
        self.close()


class ConfluentKafka:
    """Implements `client.Client`."""

    def __init__(self, topic: str, consumer: Mapping[str, Any], producer: Mapping[str, Any]) -> None:
        self._topic, self._consumer, self._producer = topic, consumer, producer
        transaction_ms = int(producer.get("transaction.timeout.ms", librdkafka.OWN_TRANSACTION_MS))
        self.transaction_s = transaction_ms / 1000
        self._commit_limit_s = librdkafka.commit_limit_s(transaction_ms)

    def consumer(self) -> _Consumer:
        return _Consumer(self._topic, self._consumer, self._producer, self._commit_limit_s)

    def read(
        self, topic: str, partitions: Collection[int], timeout_s: float
    ) -> Iterator[tuple[int, bytes, bytes | None]]:
        settings = {
            **self._address(),
            # The library asks for a group; this reader is in none.
            "group.id": "none",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # Its offset is behind the markers of transactions, which a position is not told of.
            "enable.partition.eof": True,
        }
        deadline = time.monotonic() + timeout_s
        with _told():
            with closing(confluent_kafka.Consumer(settings | {"isolation.level": "read_uncommitted"})) as consumer:
                ends = {
                    each: consumer.get_watermark_offsets(TopicPartition(topic, each), _ANSWER_S)[1]
                    for each in partitions
                }
            with closing(confluent_kafka.Consumer(settings | {"isolation.level": "read_committed"})) as consumer:
                consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions])
                left = {each for each, end in ends.items() if end > 0}
                while left:
                    if time.monotonic() > deadline:
                        raise ClientError(f"{topic} was not read to {ends} in {timeout_s:g} s")
                    for message in consumer.consume(_RECORDS, _POLL_S):
                        if (error := message.error()) is None:
                            yield message.partition(), message.key(), message.value()
                        elif error.code() == KafkaError._PARTITION_EOF:
                            if message.offset() >= ends[message.partition()]:
                                left.discard(message.partition())
                        elif error.fatal() or not error.retriable():
                            raise ClientError(str(error))

    def create_topic(self, topic: str, partitions: int, configs: Mapping[str, str]) -> None:
        admin = AdminClient(self._address())
        new = NewTopic(topic, num_partitions=partitions, config=dict(configs))
        with _told():
            try:
                admin.create_topics([new])[topic].result(_ANSWER_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _address(self) -> dict[str, Any]:
        return {"bootstrap.servers": self._consumer["bootstrap.servers"]}
