"""Reads an input topic back after a trial: it, not the generator's memory, is what the engine was given."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from engines.logs.protocol import Chunk, Log, LogFailure
from results.history import INPUT, TableWriter

_POLL_S = 0.1
_QUIET_S = 10.0
_PART_ROWS = 200_000


class _Identity(msgspec.Struct, gc=False):
    """What is read of an event."""

    id: int
    check: int


class _Part:
    """Rows of the table until there are enough for a part: a chunk may be a few events only."""

    def __init__(self, table: TableWriter) -> None:
        self._table = table
        self._decode = msgspec.json.Decoder(_Identity).decode
        self._columns: dict[str, list[int]] = {name: [] for name in INPUT.names}

    def add(self, chunk: Chunk) -> None:
        events = [self._decode(value) for value in chunk.values]
        columns = self._columns
        columns["partition"] += [chunk.partition] * len(events)
        columns["offset"] += chunk.offsets
        columns["time_ms"] += chunk.times_ms
        columns["id"] += [event.id for event in events]
        columns["check"] += [event.check for event in events]
        if len(columns["id"]) >= _PART_ROWS:
            self.store()

    def store(self) -> None:
        self._table.write(self._columns)
        self._columns = {name: [] for name in INPUT.names}


def read_back(log: Log, topic: str, partitions: int, folder: Path) -> None:
    """Store every committed record's partition, offset, append time, id and check in the table `input`.

    Raises LogFailure if the topic's end is not reached: nothing came for 10 s.
    """
    ends = log.end_offsets(topic, partitions, "read_committed")
    reader = log.reader(topic, partitions)
    part = _Part(TableWriter(folder, "input"))
    reached = [0] * partitions
    heard_s = time.monotonic()
    try:
        # The last offset of a partition may be a transaction's marker, which no reader is given.
        while any(end - done > 1 for end, done in zip(ends, reached, strict=True)):
            for chunk in reader.poll(_POLL_S):
                part.add(chunk)
                reached[chunk.partition] = chunk.offsets[-1] + 1
                heard_s = time.monotonic()
            if time.monotonic() - heard_s > _QUIET_S:
                raise LogFailure(f"the input could be read back to offsets {reached} only, of {ends}", topic)
        part.store()
    finally:
        reader.close()
