"""Carries records from one topic to another over confluent-kafka: a program as a team would write it.

It copies each event's value and key, and puts the event's id into the header `sg-id`. Its one word says how it commits:

exactly-once    records and offsets in one transaction.
at-least-once   offsets once the records that were read are written.
careless        offsets before the records are written. They are in a transaction, which looks like exactly-once: but
                what was read and not yet written when it dies is lost.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

MOST = 1000
ANSWER_S = 30.0

log = logging.getLogger("pipe")


class Pipe:
    """Writes each record as it reads it, and commits once an interval."""

    def __init__(self, how: str, environment: Mapping[str, str]) -> None:
        self.commit = {
            "exactly-once": self.exactly_once,
            "at-least-once": self.at_least_once,
            "careless": self.careless,
        }[how]
        self.how = how
        self.servers = {"bootstrap.servers": environment["BROKERS"]}
        self.input, self.output = environment["IN"], environment["OUT"]
        self.group, self.client = environment["GROUP"], environment["CLIENT"]
        self.interval_s = int(environment["INTERVAL_MS"]) / 1000
        self.stopping = False
        self.read: list[Message] = []
        self.open()

    def open(self) -> None:
        self.producer = self.new_producer()
        self.consumer = Consumer(
            {
                **self.servers,
                "group.id": self.group,
                "client.id": self.client,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 2000,
            }
        )
        self.consumer.subscribe([self.input], on_revoke=self.forget, on_lost=self.forget)

    def new_producer(self) -> Producer:
        settings = {**self.servers, "client.id": self.client, "linger.ms": 5}
        if self.how == "at-least-once":
            return Producer(settings)
        # The same id after a restart: so the transaction that was open then is aborted now.
        producer = Producer({**settings, "transactional.id": self.client, "transaction.timeout.ms": 10_000})
        producer.init_transactions(ANSWER_S)
        return producer

    def forget(self, _consumer: Consumer, _partitions: Sequence[TopicPartition]) -> None:
        """Whoever has the partitions next, this program too, reads on behind what is committed."""
        if self.read and self.how == "exactly-once":
            try:
                self.producer.abort_transaction(ANSWER_S)
            except KafkaException as error:
                log.warning("the transaction is ended by a new producer: %s", error)
                self.producer = self.new_producer()
        self.read.clear()

    def stop(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def run(self) -> None:
        while not self.stopping:
            try:
                self.gather()
                if self.read:
                    self.commit()
                    self.read.clear()
            except KafkaException as error:
                log.warning("starting over from the last commit: %s", error)
                self.read.clear()
                self.consumer.close()
                self.open()
        self.consumer.close()

    def gather(self) -> None:
        """Take what comes within an interval. One record at a time: so none is older than a rebalance."""
        until_s = time.monotonic() + self.interval_s
        while len(self.read) < MOST and (left_s := until_s - time.monotonic()) > 0 and not self.stopping:
            message = self.consumer.poll(left_s)
            if message is not None and message.error() is None:
                if not self.read and self.how == "exactly-once":
                    self.producer.begin_transaction()
                self.read.append(message)
                if self.how != "careless":
                    self.write(message)

    def write(self, message: Message) -> None:
        try:
            identity = str(json.loads(message.value())["id"])
        except (ValueError, TypeError, KeyError):
            return  # It is no event.
        self.producer.produce(self.output, message.value(), message.key(), headers={"sg-id": identity})
        self.producer.poll(0)

    def offsets(self) -> list[TopicPartition]:
        """Behind what was read."""
        last = {message.partition(): message.offset() for message in self.read}
        return [TopicPartition(self.input, partition, offset + 1) for partition, offset in last.items()]

    def exactly_once(self) -> None:
        group = self.consumer.consumer_group_metadata()
        self.producer.send_offsets_to_transaction(self.offsets(), group, ANSWER_S)
        self.producer.commit_transaction(ANSWER_S)

    def at_least_once(self) -> None:
        self.producer.flush(ANSWER_S)
        self.consumer.commit(offsets=self.offsets(), asynchronous=False)

    def careless(self) -> None:
        self.consumer.commit(offsets=self.offsets(), asynchronous=False)
        # As long as a call to another service would take.
        time.sleep(self.interval_s / 2)
        self.producer.begin_transaction()
        for message in self.read:
            self.write(message)
        self.producer.commit_transaction(ANSWER_S)


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s")
    pipe = Pipe(sys.argv[1], os.environ)
    signal.signal(signal.SIGTERM, pipe.stop)
    pipe.run()


if __name__ == "__main__":
    main()
