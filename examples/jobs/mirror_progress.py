"""Prints how far a MirrorMaker 2 is: `COMMITS INPUTS`, from the topic that has its offsets.

Kafka Connect writes there, in the transaction of the records, the offset of the last one of each partition.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

ANSWER_S = 5.0


def main() -> None:
    servers, topic = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "mirror-progress",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
        }
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    commits, inputs = progress(committed(consumer))
    consumer.close()
    sys.stdout.write(f"{commits} {inputs}\n")


def progress(messages: Iterable[Message]) -> tuple[int, int]:
    """The end of the topic, which each commit moves on, and how many records of the input have been mirrored."""
    behind: dict[int, int] = {}
    end = 0
    for message in messages:
        if message.error() is not None:
            end = message.offset()
        elif (told := mirrored(message)) is not None:
            partition, offset = told
            behind[partition] = offset + 1
    return end, sum(behind.values())


def committed(consumer: Consumer) -> Iterator[Message]:
    """All that is committed in the topic; the last one says that there is no more. Ends the program where none comes:
    the topic is made when MirrorMaker starts.
    """
    while True:
        message = consumer.poll(ANSWER_S)
        if message is None:
            sys.exit("the topic of offsets does not answer")
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            sys.exit(f"the topic of offsets cannot be read: {error}")
        yield message
        if error is not None:
            return


def mirrored(message: Message) -> tuple[int, int] | None:
    """A partition of the input and the offset of its last mirrored record; None for what is of another connector."""
    connector, source = json.loads(message.key())
    if connector != "MirrorSourceConnector" or message.value() is None:
        return None
    return source["partition"], json.loads(message.value())["offset"]


if __name__ == "__main__":
    main()
