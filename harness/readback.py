"""Reads an input topic back after a trial: it, not the generator's memory, is what the engine was given."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from pathlib import Path

import msgspec

from engines.logs.protocol import Chunk, Isolation, Log
from harness import broker_files
from harness.broken_records import Identity
from harness.equipment import Equipment
from harness.failure import TrialFailure
from harness.record import Stored
from results.history import INPUT, TableWriter

_POLL_S = 0.1
_QUIET_S = 10.0
_PART_ROWS = 200_000


class _Part:
    """Rows of the table until there are enough for a part: a chunk may be a few events only."""

    def __init__(self, table: TableWriter, broken: Container[bytes]) -> None:
        self._table, self._broken = table, broken
        self._decode = msgspec.json.Decoder(Identity).decode
        self._columns: dict[str, list[int]] = {name: [] for name in INPUT.names}

    def add(self, chunk: Chunk) -> None:
        places = [place for place, value in enumerate(chunk.values) if value not in self._broken]
        events = [self._decode(chunk.values[place]) for place in places]
        columns = self._columns
        columns["partition"] += [chunk.partition] * len(events)
        columns["offset"] += [chunk.offsets[place] for place in places]
        columns["time_ms"] += [chunk.times_ms[place] for place in places]
        columns["id"] += [event.id for event in events]
        columns["check"] += [event.check for event in events]
        if len(columns["id"]) >= _PART_ROWS:
            self.store()

    def store(self) -> None:
        self._table.write(self._columns)
        self._columns = {name: [] for name in INPUT.names}


def read_back(log: Log, topic: str, partitions: int, folder: Path, broken: Container[bytes] = ()) -> Stored:
    """Store every committed event's partition, offset, append time, id and check in the table `input`.

    broken: values of records that are no events.
    Raises TrialFailure if the topic's end is not reached: nothing came for 10 s.
    """
    table, reached = TableWriter(folder, "input"), [0] * partitions
    part = _Part(table, broken)
    for chunk in _chunks(log, topic, partitions, "read_committed", reached):
        part.add(chunk)
    part.store()
    return Stored({"input": table.rows}, {"input": reached})


def read_outputs(equipment: Equipment, topic: str, partitions: int) -> Stored:
    """Store all that was written to the output: every record, and where the broker is ours every transaction."""
    stored = read_all(equipment.log, topic, partitions, equipment.folder)
    if equipment.broker is not None:
        stored.rows["batches"] = broker_files.store(equipment.broker.data, topic, partitions, equipment.folder)
    return stored


def read_all(log: Log, topic: str, partitions: int, folder: Path) -> Stored:
    """Store every record of a topic at rest, also of aborted transactions, in the table `physical`.

    Raises TrialFailure if the topic's end is not reached: nothing came for 10 s.
    """
    committed = {
        (chunk.partition, offset)
        for chunk in _chunks(log, topic, partitions, "read_committed")
        for offset in chunk.offsets
    }
    table, reached = TableWriter(folder, "physical"), [0] * partitions
    for chunk in _chunks(log, topic, partitions, "read_uncommitted", reached):
        table.write(
            {
                "partition": [chunk.partition] * len(chunk.values),
                "offset": chunk.offsets,
                "time_ms": chunk.times_ms,
                "committed": [(chunk.partition, offset) in committed for offset in chunk.offsets],
                "value": chunk.values,
            }
        )
    return Stored({"physical": table.rows}, {"physical": reached})


def _chunks(
    log: Log, topic: str, partitions: int, isolation: Isolation, positions: list[int] | None = None
) -> Iterator[Chunk]:
    """Every chunk of a topic up to its end. positions: of each partition, set to where reading ended."""
    ends = log.end_offsets(topic, partitions, isolation)
    reader = log.reader(topic, partitions, isolation, ends=True)
    heard_s, reached = time.monotonic(), reader.ends()
    try:
        while any(reached.get(partition, 0) < end for partition, end in enumerate(ends)):
            for chunk in reader.poll(_POLL_S):
                yield chunk
                heard_s = time.monotonic()
            reached = reader.ends()
            if time.monotonic() - heard_s > _QUIET_S:
                raise TrialFailure(f"the topic could be read to offsets {reached} only, of {ends}", topic)
        if positions is not None:
            positions[:] = [reached.get(partition, 0) for partition in range(partitions)]
    finally:
        reader.close()
