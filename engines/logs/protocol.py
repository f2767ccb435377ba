"""What a log is. Two exist: `engines.logs.embedded` (SQLite) and `engines.logs.kafka` (confluent-kafka)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from engines.failure import Failure

Isolation = Literal["read_committed", "read_uncommitted"]


class LogFailure(Failure):
    """A log refused or lost something."""


@dataclass(frozen=True)
class Chunk:
    """Records of one partition in offset order; the sequences have equal lengths.

    offsets ascend but need not be contiguous (Kafka's transaction markers take offsets).
    times_ms: append time, epoch ms.
    """

    partition: int
    offsets: Sequence[int]
    times_ms: Sequence[int]
    values: Sequence[bytes]


class Writer(Protocol):
    """Appends to one topic. Not thread-safe."""

    def write(self, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Append records. They may still be on their way when this returns; it waits where a buffer is full."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Around several writes outside a transaction: cheaper than one by one where the log commits each write."""
        ...

    def flush(self, timeout_s: float) -> None:
        """Return once all that was written is acknowledged.

        Raises LogFailure if something was refused or time ran out.
        """
        ...

    def begin(self) -> None:
        """Open a transaction: what is written stays invisible to read_committed readers until `commit`."""
        ...

    def commit(self, timeout_s: float) -> None: ...

    def abort(self, timeout_s: float) -> None:
        """Undo the open transaction; nothing happens without one."""
        ...

    def close(self) -> None: ...


class Reader(Protocol):
    """Reads all partitions of one topic, in the order of their offsets. Not thread-safe."""

    def poll(self, timeout_s: float) -> list[Chunk]:
        """What is there, at once; waits up to timeout_s for something."""
        ...

    def ends(self) -> dict[int, int]:
        """By partition, the largest offset at which it was seen to end, transactions' markers counted.

        Only for a reader that was asked to look for it.
        """
        ...

    def close(self) -> None: ...


class RecordReading(Protocol):
    """How the records of a topic are read: what is taken for the value of each."""

    def __call__(self, records: Sequence[LogRecord]) -> list[bytes]:
        """One for each record, in their order."""
        ...


class LogRecord(Protocol):
    """A record as the log's client gives it."""

    def key(self) -> bytes | str | None: ...

    def value(self) -> bytes | str | None: ...

    def headers(self) -> Sequence[tuple[str, bytes | str | None]] | None: ...


@runtime_checkable
class Rereading(Protocol):
    """A log whose records have headers and keys of their own."""

    def read_as(self, topic: str, reading: RecordReading) -> None:
        """Readers of the topic that are made from now on give what `reading` makes of each record."""
        ...


class Log(Protocol):
    def create(self, topic: str, partitions: int) -> None:
        """Make an empty topic. Raises LogFailure if it exists or cannot be made."""
        ...

    def writer(self, topic: str, transactional_id: str | None = None, linger_ms: float = 2.0) -> Writer:
        """An idempotent writer, acks=all; with begin and commit where a transactional id is given.

        linger_ms: how long a record may wait for others to travel with; small for latency, 50 for bulk.
        """
        ...

    def reader(
        self,
        topic: str,
        partitions: int,
        isolation: Isolation = "read_committed",
        ends: bool = False,
        starts: Mapping[int, int] | None = None,
    ) -> Reader:
        """ends: whether it looks for where the partitions end. starts: by partition, the offset behind a record that
        was read before, to go on there; 0 where none is given."""
        ...

    def end_offsets(self, topic: str, partitions: int, isolation: Isolation) -> list[int]:
        """Next offset a partition: of the last stable offset (read_committed) or the high watermark."""
        ...

    def close(self) -> None: ...
