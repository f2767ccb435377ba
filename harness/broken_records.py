"""Records that are no events: a fault writes them into a trial's input, and who reads events there passes over them."""

from __future__ import annotations

import msgspec

from engines.logs.protocol import Log

_ACKNOWLEDGED_S = 15.0


class Identity(msgspec.Struct, gc=False):
    """What is read of an event."""

    id: int
    check: int


class BrokenRecords:
    """Those of one trial. What was written is known by its bytes."""

    def __init__(self, log: Log, topic: str) -> None:
        """topic: the trial's input."""
        self._log, self._topic = log, topic
        self._values: set[bytes] = set()

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def write(self, key: bytes, value: bytes) -> None:
        """Write one record, and return once it is acknowledged.

        Raises LogFailure, and ValueError for one that would be read as an event.
        """
        if _is_event(value):
            raise ValueError(f"{value!r} has an id and a check: it would be taken for an event")
        # Also a record that was not acknowledged may be in the log.
        self._values.add(value)
        writer = self._log.writer(self._topic)
        try:
            writer.write(0, [key], [value])
            writer.flush(_ACKNOWLEDGED_S)
        finally:
            writer.close()


def _is_event(value: bytes) -> bool:
    try:
        msgspec.json.decode(value, type=Identity)
    except msgspec.DecodeError:
        return False
    return True
