"""Decoys: valid events in a transaction that is aborted. Who reads them reads what is not committed.

They have keys and values of the workload and times in windows that are judged, so that a row that counts one is wrong.
Their ids are of a range of their own, so that the audit sums of such a row say so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engines.logs.protocol import Log
from harness.failure import TrialFailure
from harness.instruments.encoder import Share
from workloads.stream import DECOY_IDS, Events, Segment

DECOYS = 64
"""So many events of the workload are copied into each transaction; a partition that none of them falls into gets a
heartbeat, so that the transaction spans all partitions."""

_WRITE_S = 30.0
_ENDED_S = 30.0
_LOOK_S = 0.002


@dataclass(frozen=True)
class Written:
    """A transaction that was aborted. at_ns: when its end was seen on all partitions; ids: first and how many."""

    first_id: int
    count: int
    at_ns: int


class Decoys:
    """Writes them to one topic, on a connection of its own: the load is not held up."""

    def __init__(
        self,
        log: Log,
        topic: str,
        partitions: int,
        transactional_id: str,
        events: Callable[[Segment, Sequence[int]], Events],
        shares: Callable[[Events], Sequence[Share]],
        heartbeat: Callable[[int, int, int], tuple[bytes, bytes]],
    ) -> None:
        """events: of these ids of a segment. shares: encodes events by partition. heartbeat: (key, value) of one for a
        partition, with an id and a time in ms.
        """
        self._log, self._topic, self._partitions = log, topic, partitions
        self._transactional_id = transactional_id
        self._events, self._shares, self._heartbeat = events, shares, heartbeat
        self._next_id = DECOY_IDS

    def write(self, segment: Segment, first: int, stop: int) -> Written:
        """Copies of events spread over ids first to stop - 1 of a segment; returns once the transaction has ended.

        Raises LogFailure, and TrialFailure if its end is not seen: until then it holds back all read_committed readers.
        """
        ids = np.unique(np.linspace(first, stop - 1, DECOYS).astype(np.int64))
        copied = self._events(segment, ids.tolist())
        first_id, self._next_id = self._next_id, self._next_id + len(ids) + self._partitions
        events = Events(
            np.arange(first_id, first_id + len(ids)), copied.times, copied.keys, copied.values, copied.labels
        )
        shares = self._shares(events)
        writer = self._log.writer(self._topic, self._transactional_id)
        try:
            writer.begin()
            for share in shares:
                writer.write(share.partition, share.keys, share.values)
            for partition in set(range(self._partitions)) - {share.partition for share in shares}:
                key, value = self._heartbeat(partition, first_id + len(ids) + partition, int(copied.times[0]))
                writer.write(partition, [key], [value])
            writer.flush(_WRITE_S)
            writer.abort(_WRITE_S)
            self._await_end()
        finally:
            writer.close()
        return Written(first_id, len(ids), time.monotonic_ns())

    def _await_end(self) -> None:
        """Until readers of committed records get past all that was written when the abort was asked for."""
        wanted = self._log.end_offsets(self._topic, self._partitions, "read_uncommitted")
        deadline_s = time.monotonic() + _ENDED_S
        while True:
            reached = self._log.end_offsets(self._topic, self._partitions, "read_committed")
            if all(there >= end for there, end in zip(reached, wanted, strict=True)):
                return
            if time.monotonic() > deadline_s:
                raise TrialFailure(
                    f"an aborted transaction was not seen to end within {_ENDED_S:g} s: committed readers get to "
                    f"{reached} of {wanted}",
                    self._topic,
                )
            time.sleep(_LOOK_S)


class Beside:
    """Writes decoys on a thread while the load goes on."""

    def __init__(self, write: Callable[[], Written]) -> None:
        self._write = write
        self._written: Written | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="decoys", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._written = self._write()
        except Exception as error:
            self._error = error

    def result(self) -> Written:
        """What was written. Raises what went wrong, and TrialFailure if it takes too long."""
        self._thread.join(3 * _WRITE_S + _ENDED_S)
        if self._error is not None:
            raise self._error
        if self._written is None:
            raise TrialFailure("an aborted transaction beside the load did not come to an end")
        return self._written
