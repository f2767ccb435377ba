"""How far a job has committed, by the offsets of its input: seen from outside, without taking part in the job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from engines.logs.protocol import LogFailure
from engines.protocol import Topic


class OffsetReader(Protocol):
    def committed(self) -> Mapping[int, int]:
        """Committed offset of the input by partition; partitions without are left out. Raises LogFailure."""
        ...

    def close(self) -> None: ...


class CommittedOffsets:
    """What was read last stands while the log does not answer, and no partition's offset ever falls.

    Safe to use from several threads.
    """

    def __init__(self, connect: Callable[[], OffsetReader]) -> None:
        """connect: called when the offsets are first asked for, and again after it raised LogFailure."""
        self._connect = connect
        self._reader: OffsetReader | None = None
        self._known: dict[int, int] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def total(self) -> int | None:
        """Sum over all partitions: input records behind the last commit, and the transaction markers between them.

        None if the log never answered so far. Raises nothing while the log is down.
        """
        known = self.positions()
        return None if known is None else sum(known.values())

    def positions(self) -> Mapping[int, int] | None:
        """The same by partition."""
        with self._lock:
            if not self._closed:
                self._look()
            return self._known

    def _look(self) -> None:
        try:
            if self._reader is None:
                self._reader = self._connect()
            found = self._reader.committed()
        except LogFailure:
            return
        known = self._known or {}
        self._known = known | {number: max(offset, known.get(number, 0)) for number, offset in found.items()}

    def close(self) -> None:
        """What was read last stands from now on. May be called twice."""
        with self._lock:
            self._closed = True
            if self._reader is not None:
                self._reader.close()
                self._reader = None


def of_group(topic: Topic, group: str) -> CommittedOffsets:
    """Those that a consumer group committed of a Kafka topic."""

    def connect() -> OffsetReader:
        # Imported here because a worker's environment, which loads the engine's package, need not have the library.
        from engines.logs.kafka import GroupOnlooker

        return GroupOnlooker(topic.address, topic.name, topic.partitions, group)

    return CommittedOffsets(connect)
