"""Transactions of which only a part is visible, by the batches and markers in the files of the broker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from results.verdict.examination import Examination
from results.verdict.matching import NEVER
from workloads.stream import Integers


@dataclass
class Part:
    """What one transaction wrote to one partition, and how it ended there."""

    partition: int
    """Number of the partition, from 0."""
    first: int
    """Offset of its first record."""
    last: int
    """Offset of its last record."""
    began_ms: int
    """When its first batch was appended, epoch ms."""
    ended_ms: int = NEVER
    """When the marker that ends it was appended, epoch ms; NEVER where there is none."""
    end: str = "open"
    """`commit` or `abort`, as the marker says; `open` where there is none."""


def torn(seen: Examination) -> Integers:
    """The rows that are visible of transactions that are not visible as a whole; none where no files were read."""
    table = seen.history.table("batches", ["partition", "first", "last", "producer", "epoch", "time_ms", "end"])
    rows = seen.matching.rows
    guilty = np.zeros(len(rows.offsets), dtype=np.bool_)
    parts = parts_of(list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True)))
    for transaction in transactions(parts):
        if len({part.end for part in transaction}) > 1:
            for part in transaction:
                if part.end == "commit":
                    inside = (rows.offsets >= part.first) & (rows.offsets <= part.last)
                    guilty |= inside & (rows.partitions == part.partition)
    return np.flatnonzero(guilty)


def parts_of(batches: Sequence[tuple[int, int, int, int, int, int, str]]) -> dict[int, list[Part]]:
    """By producer; batches: (partition, first, last, producer, epoch, time_ms, end), each partition's in log order."""
    found: dict[int, list[Part]] = defaultdict(list)
    under_way: dict[tuple[int, int], Part] = {}
    for partition, first, last, producer, _epoch, time_ms, end in batches:
        part = under_way.get((producer, partition))
        if end and part is not None:
            part.end, part.ended_ms = end, time_ms
            del under_way[producer, partition]
        elif not end and part is not None:
            part.last = last
        elif not end:
            part = under_way[producer, partition] = Part(partition, first, last, time_ms)
            found[producer].append(part)
    return found


def transactions(parts: dict[int, list[Part]]) -> Iterator[list[Part]]:
    """Parts that belong together. A producer begins a transaction once all markers of the one before are written: parts
    of one producer that overlap in time are of one transaction. Where two only touch within the clock's millisecond
    they are taken for two, so that none is called torn which is not.
    """
    for mine in parts.values():
        together: list[Part] = []
        for part in sorted(mine, key=lambda part: part.began_ms):
            if together and part.began_ms >= min(other.ended_ms for other in together):
                yield together
                together = []
            together.append(part)
        if together:
            yield together
