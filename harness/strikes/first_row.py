"""The moment at which a new row appears: visible, between a sink's commit and what its engine does next, or written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from engines.logs.protocol import Chunk, Isolation, Log

_GAP_S = 0.02
_DRAIN_S = 2.0
_LOOK_S = 0.1


class FirstRow:
    """Told by a reader of its own, which wakes as the log does: within a millisecond or two."""

    def __init__(self, log: Log, topic: str, partitions: int, isolation: Isolation = "read_committed") -> None:
        """isolation: read_uncommitted for rows as they are written. Raises LogFailure if the log does not answer."""
        ends = log.end_offsets(topic, partitions, isolation)
        self._before = {partition: end for partition, end in enumerate(ends) if end > 0}
        self._reader = log.reader(topic, partitions, isolation, ends=True)
        self._read: dict[int, int] = {}

    def wait(
        self, deadline_s: float, given_up: threading.Event, wanted: Callable[[Chunk], bool] = lambda _: True
    ) -> bool:
        """Whether a row came before the deadline (monotonic seconds); returns as soon as it is there. Only records that
        are wanted count.

        Rows come in bursts: it is the first of a burst, unless they never pause.
        """
        while not self._caught_up():
            for chunk in self._reader.poll(_LOOK_S):
                self._read[chunk.partition] = chunk.offsets[-1] + 1
            if given_up.is_set() or time.monotonic() > deadline_s:
                return False
        drained_s = time.monotonic() + _DRAIN_S
        while any(map(wanted, self._reader.poll(_GAP_S))) and time.monotonic() < drained_s:
            pass
        while not given_up.is_set() and time.monotonic() < deadline_s:
            if any(map(wanted, self._reader.poll(_LOOK_S))):
                return True
        return False

    def _caught_up(self) -> bool:
        """Whether all that was there at first is read: up to the last record, or to the end behind its markers.

        A partition that is written to without a pause is never seen to end.
        """
        ends = self._reader.ends()
        return all(max(self._read.get(at, 0), ends.get(at, 0)) >= end for at, end in self._before.items())

    def close(self) -> None:
        self._reader.close()
