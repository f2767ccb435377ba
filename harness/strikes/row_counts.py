"""Output records counted by the partition of the input that their key's events are in.

An engine may put a row into any partition of the output. Its key tells which partition it was made from, since all
events of a key are in one; so what one worker wrote can be told from what another did.
"""

from __future__ import annotations

import msgspec

from engines.logs.protocol import Chunk, Log
from workloads.stream import CONTROL, partition_of


class _Row(msgspec.Struct):
    key: str


_DECODER = msgspec.json.Decoder(_Row)


def source(value: bytes | None, partitions: int) -> int | None:
    """The input partition of a row's key; None for a row that is none, or of a heartbeat's or closing key."""
    try:
        key = _DECODER.decode(value or b"").key
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if key.startswith(CONTROL) else partition_of(key, partitions)


def comes_from(chunk: Chunk, sources: frozenset[int], partitions: int) -> bool:
    """Whether a row of these records comes from one of these partitions of the input."""
    return any(source(value, partitions) in sources for value in chunk.values)


class RowCounts:
    """Told by a reader of its own, which is given records as they are written, also those of open transactions."""

    def __init__(self, log: Log, topic: str, partitions: int) -> None:
        """topic: the output. partitions: of the input."""
        self._reader = log.reader(topic, partitions, "read_uncommitted", ends=False)
        self._counts = [0] * partitions

    def look(self) -> tuple[int, ...]:
        """How many records there are by now, by partition of the input."""
        while chunks := self._reader.poll(0):
            for chunk in chunks:
                for value in chunk.values:
                    at = source(value, len(self._counts))
                    if at is not None:
                        self._counts[at] += 1
        return tuple(self._counts)

    def close(self) -> None:
        self._reader.close()
