"""Transactions as a broker's own files tell them: record batches with their producers, and the markers that end them.

No client is shown this: a consumer sees the records of a transaction, and not which they are. The files are those of a
broker of ours, on this machine. Layout: Kafka's documentation, "Message format", record batch version 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from results.history import TableWriter

_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base and largest timestamp, producer id
and epoch, base sequence, number of records."""

_LENGTH_FROM = 12
"""A batch's length counts from after itself."""

_MAGIC = 2
_TRANSACTIONAL, _CONTROL = 0x10, 0x20
_MORE = 0x80
"""Set in each byte of a number but its last."""

_ENDS = {0: "abort", 1: "commit"}


class Batch(NamedTuple):
    """Records of one producer in a partition, or the marker that ends its transaction there."""

    partition: int
    """Number of the partition, from 0."""
    first: int
    """Offset of the first record, or of the marker."""
    last: int
    """Offset of the last record; a marker's is `first`."""
    producer: int
    """The broker's id of the producer."""
    epoch: int
    """Of the producer: the broker raises it to shut out an older one with the same id."""
    time_ms: int
    """The largest timestamp, epoch ms; for our topics that is when it was appended."""
    end: str
    """`commit` or `abort` for a marker; empty for records."""


def batches(folder: Path, partition: int) -> Iterator[Batch]:
    """The transactional batches and markers of a partition's folder, in log order.

    Raises ValueError if a file holds something else; a batch that is not whole yet ends its file.
    """
    for path in sorted(folder.glob("*.log")):
        content, place = path.read_bytes(), 0
        while place + _HEADER.size <= len(content):
            base, length, _, magic, _, attributes, delta, _, time_ms, producer, epoch, _, _ = _HEADER.unpack_from(
                content, place
            )
            after = place + _LENGTH_FROM + length
            if magic != _MAGIC or length <= 0:
                raise ValueError(f"{path} holds no record batch of version {_MAGIC} at byte {place}")
            if after > len(content):
                break
            if attributes & _TRANSACTIONAL:
                end = _end(content[place + _HEADER.size : after]) if attributes & _CONTROL else ""
                yield Batch(partition, base, base + delta, producer, epoch, time_ms, end)
            place = after


def _end(record: bytes) -> str:
    """Of a marker's only record. Before its key (version and type, 16 bits each) stand five numbers of variable length:
    its length, attributes, the deltas of timestamp and offset, and the key's length.
    """
    place = 0
    for _ in range(5):
        while record[place] >= _MORE:
            place += 1
        place += 1
    return _ENDS[int.from_bytes(record[place + 2 : place + 4], "big")]


def store(data: Path, topic: str, partitions: int, folder: Path) -> int:
    """Write the table `batches` of a history from a broker's data folder; its rows. Raises ValueError, OSError."""
    table = TableWriter(folder, "batches")
    for partition in range(partitions):
        found = list(batches(data / f"{topic}-{partition}", partition))
        table.write({name: [getattr(batch, name) for batch in found] for name in Batch._fields})
    return table.rows
