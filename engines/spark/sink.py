"""Rows of a batch written to Kafka exactly once, from foreachBatch. Runs in Spark's own environment, in the driver.

Spark runs its last batch again after a crash if it does not know that it was committed: same batch id, same input, same
rows. So each batch is one Kafka transaction, which carries the batch's id as an offset of a consumer group; a batch
whose id is committed there is not written again. (Spark's guide names the batch id as the way to deduplicate a batch;
partition and epoch ids will not do, SPARK-28650.)

A transaction that fails is tried once more by a new producer. A broker that was away for longer than the transaction's
time-out has aborted it. Whether it was committed after all is known only once the next one is open.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from pyspark.sql import DataFrame, Row

from engines import librdkafka
from engines.time_limit import ends_within

_ANSWER_S = 30.0

_logger = logging.getLogger(__name__)


class TransactionalSink:
    """Writes the batches of one query; a second sink of the same name fences the first."""

    def __init__(self, name: str, topic: str, bootstrap: str, producer_settings: Mapping[str, Any]) -> None:
        """name: transactional id, and the group that holds the batch id. Raises KafkaException."""
        self._topic, self._name, self._bootstrap = topic, name, bootstrap
        self._settings = producer_settings
        transaction_ms = int(producer_settings.get("transaction.timeout.ms", librdkafka.OWN_TRANSACTION_MS))
        self._commit_limit_s = librdkafka.commit_limit_s(transaction_ms)
        self._open()

    def _open(self) -> None:
        """A producer that has ended what an earlier one of the name left open, and the first batch that is not there.

        Only then does the group's offset stand still.
        """
        self._refused: list[KafkaError] = []
        address = {"bootstrap.servers": self._bootstrap}
        self._producer = Producer({**address, "transactional.id": self._name, **self._settings})
        self._producer.init_transactions(_ANSWER_S)
        with closing(Consumer({**address, "group.id": self._name, "enable.auto.commit": False})) as consumer:
            marker = consumer.committed([TopicPartition(self._topic, 0)], _ANSWER_S)[0]
            if marker.error is not None:
                raise KafkaException(marker.error)
            self._next = max(marker.offset, 0)
            self._group = consumer.consumer_group_metadata()

    def write(self, batch: DataFrame, batch_id: int) -> None:
        """What foreachBatch calls. Raises KafkaException; the query fails with it, and runs the batch again when it
        starts.

        The batch is computed even if it is not written: that also makes its state, without which Spark fails.
        """
        rows = batch.collect()
        if batch_id < self._next:
            return
        try:
            self._write(rows, batch_id)
        except KafkaException as error:
            _logger.warning("batch %d is written again by a new producer: %r", batch_id, error)
            self.close()
            self._open()
            if batch_id >= self._next:
                self._write(rows, batch_id)

    def _write(self, rows: Sequence[Row], batch_id: int) -> None:
        limit_s = self._commit_limit_s
        with ends_within(3 * limit_s, "writing a batch in a transaction"):
            self._producer.begin_transaction()
            for row in rows:
                self._send(row.key.encode(), row.value.encode())
            # Looked at one by one: what the broker refuses is not to be missing from what is committed.
            left = self._producer.flush(limit_s)
            if self._refused:
                raise KafkaException(self._refused[0])
            if left:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} rows were not acknowledged"))
            marker = TopicPartition(self._topic, 0, batch_id + 1)
            self._producer.send_offsets_to_transaction([marker], self._group, limit_s)
            self._producer.commit_transaction(limit_s)
        self._next = batch_id + 1

    def _send(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
            except BufferError:
                # The queue is full: wait until some of it is acknowledged.
                self._producer.poll(_ANSWER_S)
            else:
                return

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._refused.append(error)

    def close(self) -> None:
        """What cannot be sent any more is dropped, without waiting: the next producer fences this one."""
        librdkafka.abandon(self._producer)
