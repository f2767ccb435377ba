"""Output records counted by the partition of the input that their key's events are in.

An engine may put a row into any partition of the output. Its key tells which partition it was made from, since all
events of a key are in one; so what one worker wrote can be told from what another did.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from engines.logs.protocol import Chunk, Log
from harness.instruments.generator import control_partition
from workloads.stream import CONTROL, partition_of


class _Row(msgspec.Struct):
    key: str


_DECODER = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class Source:
    """Where a row comes from. partition: of the input. judged: whether it is no heartbeat's or closing key's."""

    partition: int
    judged: bool


def source(value: bytes | None, partitions: int) -> Source | None:
    """None for a row that is none."""
    try:
        key = _DECODER.decode(value or b"").key
        return (
            Source(control_partition(key), False)
            if key.startswith(CONTROL)
            else Source(partition_of(key, partitions), True)
        )
    except (msgspec.DecodeError, ValueError, IndexError):
        return None


def comes_from(chunk: Chunk, sources: frozenset[int], partitions: int) -> bool:
    """Whether a row of these records comes from one of these partitions of the input."""
    found = (source(value, partitions) for value in chunk.values)
    return any(one is not None and one.judged and one.partition in sources for one in found)


@dataclass(frozen=True)
class PartitionRows:
    """By partition of the input: judged rows, and all answers, heartbeats' and closing keys' too."""

    rows: tuple[int, ...]
    answers: tuple[int, ...]


class RowCounts:
    """Told by a reader of its own, which is given records as they are written, also those of open transactions."""

    def __init__(self, log: Log, topic: str, partitions: int) -> None:
        """topic: the output. partitions: of the input."""
        self._reader = log.reader(topic, partitions, "read_uncommitted", ends=False)
        self._rows, self._answers = [0] * partitions, [0] * partitions

    def look(self) -> PartitionRows:
        """How many there are by now."""
        partitions = len(self._rows)
        while chunks := self._reader.poll(0):
            for chunk in chunks:
                for value in chunk.values:
                    found = source(value, partitions)
                    if found is not None and found.partition < partitions:
                        self._answers[found.partition] += 1
                        self._rows[found.partition] += found.judged
        return PartitionRows(tuple(self._rows), tuple(self._answers))

    def close(self) -> None:
        self._reader.close()
