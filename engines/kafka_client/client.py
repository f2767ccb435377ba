"""What the worker asks of a Kafka library, in words of its own: `kafka_python` and `confluent` are two such."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

Library = Literal["kafka-python", "confluent-kafka"]

Offsets = Mapping[int, int]
"""Next offset to read, by input partition."""


class ClientError(Exception):
    """The library or the broker could not do what was asked; starting over from the last commit may help."""


class Record(NamedTuple):
    """A record of the input."""

    partition: int
    offset: int
    value: bytes | None


class Listener(Protocol):
    """What is told when partitions come and go. A library may tell it on a thread that must not wait for the
    consumer.
    """

    def assigned(self, partitions: set[int]) -> None:
        """These and no others are the consumer's from now on; nothing is read before `Consumer.start_at`."""
        ...

    def revoked(self) -> None:
        """All partitions are about to go to others."""
        ...

    def lost(self) -> None:
        """All partitions have gone to others, without a warning."""
        ...


class Consumer(Protocol):
    """A member of the consumer group, of one topic. Every method raises ClientError."""

    def subscribe(self, listener: Listener) -> None: ...

    def poll(self, timeout_s: float) -> Mapping[int, Sequence[Record]]:
        """What came, by partition, in log order; partitions come and go while it waits."""
        ...

    def assignment(self) -> set[int]: ...

    def committed(self, partitions: Collection[int]) -> Mapping[int, int | None]:
        """The group's offsets; None where there is none."""
        ...

    def start_at(self, positions: Mapping[int, int | None]) -> None:
        """Read on from there; None is the log's beginning."""
        ...

    def commit(self, offsets: Offsets) -> None: ...

    def producer(self) -> Producer:
        """A producer whose transactions carry offsets of this member of the group."""
        ...

    def close(self) -> None: ...


class Producer(Protocol):
    """Every record is accounted for. `begin`, `send`, `settle` and `commit` raise ClientError."""

    def begin(self) -> None:
        """End what an earlier producer of the same transactional id left open, and open a transaction."""
        ...

    def send(self, topic: str, key: bytes, value: bytes | None, partition: int | None) -> None: ...

    def settle(self, timeout_s: float | None) -> None:
        """Wait until all that was sent is acknowledged; raises the first refusal. None for the library's own limit."""
        ...

    def forget(self) -> None:
        """What became of all that was sent so far is of no consequence any more."""
        ...

    def commit(self, offsets: Offsets) -> None:
        """Commit the transaction with these offsets of the consumer's group, and open the next one."""
        ...

    def close(self) -> None: ...

    def abandon(self) -> None:
        """Let go of it without waiting for anything: it may be fenced, or wait for something that never comes."""
        ...


class Client(Protocol):
    """A library, with the settings of a job."""

    transaction_s: float
    """How long a transaction may stay open."""

    def consumer(self) -> Consumer: ...

    def read(
        self, topic: str, partitions: Collection[int], timeout_s: float
    ) -> Iterator[tuple[int, bytes, bytes | None]]:
        """Partition, key and value of all that is committed in a topic.

        To the end of the log, not to the last stable offset: so it waits for the outcome of a transaction that a
        former owner has left open. Raises ClientError if that takes longer than timeout_s.
        """
        ...

    def create_topic(self, topic: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Unless it is there. Raises ClientError."""
        ...


def client(library: Library, topic: str, consumer: Mapping[str, Any], producer: Mapping[str, Any]) -> Client:
    """topic: the input. consumer, producer: the library's own settings.

    Only the library that is asked for is loaded: loading takes time and memory.
    """
    if library == "kafka-python":
        from .kafka_python import KafkaPython

        return KafkaPython(topic, consumer, producer)
    from .confluent import ConfluentKafka

    return ConfluentKafka(topic, consumer, producer)
