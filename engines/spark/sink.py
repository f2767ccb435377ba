"""Rows of a batch written to Kafka exactly once, from foreachBatch. Runs in Spark's own environment, in the driver.

Spark runs its last batch again after a crash if it does not know that it was committed: same batch id, same input, same
rows. So each batch is one Kafka transaction, which carries the batch's id as an offset of a consumer group; a batch
whose id is committed there is not written again. (Spark's guide names the batch id as the way to deduplicate a batch;
partition and epoch ids will not do, SPARK-28650.)

A transaction that fails is tried once more by a new producer: a broker that was away for longer than the transaction's
time-out has aborted it, and whether it was committed after all is known only once the next one is open.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pyspark.sql import DataFrame, Row

_CLOSE_S = 5

_logger = logging.getLogger(__name__)


class TransactionalSink:
    """Writes the batches of one query; a second sink of the same name fences the first."""

    def __init__(self, name: str, topic: str, bootstrap: str, producer_settings: Mapping[str, Any]) -> None:
        """name: transactional id, and the group that holds the batch id. Raises KafkaError."""
        self._topic, self._name, self._bootstrap = topic, name, bootstrap
        self._marker = TopicPartition(topic, 0)
        self._settings = producer_settings
        self._open()

    def _open(self) -> None:
        """A producer that has ended what an earlier one of the name left open, and the first batch that is not there.

        Only then does the group's offset stand still.
        """
        self._producer = KafkaProducer(bootstrap_servers=self._bootstrap, transactional_id=self._name, **self._settings)
        self._producer.init_transactions()
        consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, group_id=self._name, enable_auto_commit=False)
        try:
            self._next = consumer.committed(self._marker) or 0
        finally:
            consumer.close(autocommit=False)

    def write(self, batch: DataFrame, batch_id: int) -> None:
        """What foreachBatch calls. Raises KafkaError; the query fails with it, and runs the batch again when it starts.

        The batch is computed even if it is not written: that also makes its state, without which Spark fails.
        """
        rows = batch.collect()
        if batch_id < self._next:
            return
        try:
            self._write(rows, batch_id)
        except KafkaError as error:
            _logger.warning("batch %d is written again by a new producer: %r", batch_id, error)
            self.close()
            self._open()
            if batch_id >= self._next:
                self._write(rows, batch_id)

    def _write(self, rows: Sequence[Row], batch_id: int) -> None:
        self._producer.begin_transaction()
        sent = [self._producer.send(self._topic, row.value.encode(), row.key.encode()) for row in rows]
        # Looked at one by one: what is in flight when a producer's epoch is raised is lost without an error at commit.
        self._producer.flush()
        for future in sent:
            if future.failed():
                raise future.exception
        self._producer.send_offsets_to_transaction({self._marker: OffsetAndMetadata(batch_id + 1, "", -1)}, self._name)
        self._producer.commit_transaction()
        self._next = batch_id + 1

    def close(self) -> None:
        # What cannot be sent any more is no reason not to begin anew: the next producer fences this one.
        with suppress(KafkaError):
            self._producer.close(_CLOSE_S)
