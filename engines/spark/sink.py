"""Rows of a batch written to Kafka exactly once, from foreachBatch. Runs in Spark's own environment, in the driver.

Spark runs its last batch again after a crash if it does not know that it was committed: same batch id, same input, same
rows. So each batch is one Kafka transaction, which carries the batch's id as an offset of a consumer group; a batch
whose id is committed there is not written again. (Spark's guide names the batch id as the way to deduplicate a batch;
partition and epoch ids will not do, SPARK-28650.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition
from pyspark.sql import DataFrame


class TransactionalSink:
    """Writes the batches of one query; a second sink of the same name fences the first."""

    def __init__(self, name: str, topic: str, bootstrap: str, producer_settings: Mapping[str, Any]) -> None:
        """name: transactional id, and the group that holds the batch id. Raises KafkaError."""
        self._topic, self._name = topic, name
        self._marker = TopicPartition(topic, 0)
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=name, **producer_settings)
        # Ends what an earlier driver left open. Only then does the group's offset stand still.
        self._producer.init_transactions()
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=name, enable_auto_commit=False)
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
        self._producer.close(5)
