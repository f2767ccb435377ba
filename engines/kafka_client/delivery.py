"""Three orders in which to read, answer and commit: what makes a guarantee.

The changelog's commit record carries the input offset that the state goes up to, so state and position never disagree,
whatever a crash cuts off (see `changelog`).

- exactly-once: rows, changelog and offsets in one transaction. The offsets go with the consumer's group metadata, so
  that the broker refuses those of a worker that has lost its partitions (KIP-447).
- at-least-once: rows, then the changelog, then the offsets. After a crash the rows since the last commit come again,
  with the same values: each event counts once in every row.
- at-most-once: offsets before their events are taken; then the changelog, and the rows only once that is durable.
  After a crash the events since the last commit are missing from their rows, or the rows are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from engines.protocol import Guarantee

from .changelog import Record
from .client import Client, ClientError, Consumer, Offsets

Rows = Sequence[tuple[bytes, bytes]]


class StateMismatch(ClientError):
    """The group's offset and the changelog's are of different commits.

    So it looks to a worker that has lost its partitions and does not know it yet: their owner commits in between.
    """


class Topics(Protocol):
    @property
    def output(self) -> str: ...

    @property
    def changelog(self) -> str: ...


class Delivery:
    """What the three have in common: a producer whose every record is accounted for."""

    def __init__(self, topics: Topics, client: Client, consumer: Consumer) -> None:
        self._topics, self._client, self._consumer = topics, client, consumer
        self._producer = consumer.producer()

    def start(self, committed: int | None, restored: int | None) -> int | None:
        """Where to read on, from the group's offset and the restored state's; None for the log's beginning."""
        raise NotImplementedError

    def received(self, offsets: Offsets) -> None:
        """Events were read, up to these offsets, and none of them is taken yet."""

    def emit(self, rows: Rows) -> None:
        for key, value in rows:
            self._send(self._topics.output, key, value)

    def commit(self, changes: Mapping[int, Sequence[Record]], offsets: Offsets, rebalancing: bool) -> None:
        """Make everything so far durable. Raises ClientError if that failed; then `abort`.

        rebalancing: called from the consumer's own thread, which must not wait on the consumer.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Forget what was emitted since the last commit, as far as this guarantee can."""
        self._producer.forget()

    def close(self) -> None:
        self._producer.close()

    def _send(self, topic: str, key: bytes, value: bytes | None, partition: int | None = None) -> None:
        self._producer.send(topic, key, value, partition)

    def _write(self, changes: Mapping[int, Sequence[Record]]) -> None:
        for partition, records in changes.items():
            for key, value in records:
                self._send(self._topics.changelog, key, value, partition)


class ExactlyOnce(Delivery):
    def __init__(self, topics: Topics, client: Client, consumer: Consumer) -> None:
        super().__init__(topics, client, consumer)
        self._producer.begin()

    def start(self, committed: int | None, restored: int | None) -> int | None:
        if committed != restored:
            raise StateMismatch(f"the group's offset is {committed}, the changelog's {restored}")
        return committed

    def commit(self, changes: Mapping[int, Sequence[Record]], offsets: Offsets, rebalancing: bool) -> None:  # noqa: ARG002
        self._write(changes)
        # Before the offsets: whoever owns the partitions next then finds this transaction in the changelog, and waits
        # for its outcome, if the offsets were accepted.
        # Not for longer than the transaction lives: after an epoch bump kafka-python waits for its delivery time-out.
        self._producer.settle(self._client.transaction_s)
        self._producer.commit(offsets)

    def abort(self) -> None:
        # A new producer with the same transactional id makes the broker abort what the old one left open, and lets
        # that one write nothing more.
        self._producer.abandon()
        self._producer = self._consumer.producer()
        self._producer.begin()


class AtLeastOnce(Delivery):
    def start(self, committed: int | None, restored: int | None) -> int | None:  # noqa: ARG002
        return restored

    def commit(self, changes: Mapping[int, Sequence[Record]], offsets: Offsets, rebalancing: bool) -> None:
        self._producer.settle(None)
        self._write(changes)
        self._producer.settle(None)
        # The changelog's offset is the one that counts; the group's lags behind it after a rebalance, and harms nobody.
        if not rebalancing:
            self._consumer.commit(offsets)


class AtMostOnce(Delivery):
    def __init__(self, topics: Topics, client: Client, consumer: Consumer) -> None:
        super().__init__(topics, client, consumer)
        self._held: list[tuple[bytes, bytes]] = []

    def start(self, committed: int | None, restored: int | None) -> int | None:  # noqa: ARG002
        return committed

    def received(self, offsets: Offsets) -> None:
        self._consumer.commit(offsets)

    def emit(self, rows: Rows) -> None:
        self._held += rows

    def commit(self, changes: Mapping[int, Sequence[Record]], offsets: Offsets, rebalancing: bool) -> None:  # noqa: ARG002
        self._write(changes)
        self._producer.settle(None)
        held, self._held = self._held, []
        super().emit(held)

    def abort(self) -> None:
        super().abort()
        self._held.clear()


DELIVERIES: Mapping[Guarantee, type[Delivery]] = {
    "exactly-once": ExactlyOnce,
    "at-least-once": AtLeastOnce,
    "at-most-once": AtMostOnce,
}
