"""Events as they are written to the log: each a JSON object, in the partition of its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from workloads.control import ControlEvent
from workloads.query import CHECK, ID, Query
from workloads.stream import Events, checks, partition_of
from workloads.workload import NO_SHIFTS


class EncodedEvents(NamedTuple):
    """Encoded events as columns: partition, key, value."""

    partitions: list[int]
    keys: list[bytes]
    values: list[bytes]


class Share(NamedTuple):
    """Encoded events of one partition."""

    partition: int
    keys: list[bytes]
    values: list[bytes]


def split(rows: EncodedEvents, start: int, stop: int) -> list[Share]:
    """Rows start .. stop - 1 by partition; for the few rows that are due at once."""
    shares: dict[int, Share] = {}
    for partition, key, value in zip(
        rows.partitions[start:stop], rows.keys[start:stop], rows.values[start:stop], strict=True
    ):
        share = shares.get(partition) or shares.setdefault(partition, Share(partition, [], []))
        share.keys.append(key)
        share.values.append(value)
    return list(shares.values())


class Encoder:
    """Turns events into the JSON objects that a query's columns describe, and sorts them by partition."""

    def __init__(self, query: Query, partitions: int, shifts: Mapping[str, int] = NO_SHIFTS) -> None:
        """shifts: by how much columns are moved up, as `workloads.workload.Shifted` says."""
        self._query, self._shifts = query, shifts
        # Attributes by number, since a column may be called what Python does not allow.
        self._event = msgspec.defstruct(
            "Event",
            [(f"c{place}", str if column.type == "text" else int) for place, column in enumerate(query.columns)],
            rename={f"c{place}": column.name for place, column in enumerate(query.columns)},
            gc=False,
        )
        self._json = msgspec.json.Encoder()
        self._partitions = partitions
        self._labels: Sequence[str] = ()
        self._texts = self._bytes = np.empty(0, dtype=object)
        self._partition_of_key = np.empty(0, dtype=np.int64)

    def rows(self, events: Events) -> EncodedEvents:
        """The events' partitions, keys and values, in the order given."""
        self._know(events.labels)
        columns = []
        for column in self._query.columns:
            match column.name:
                case self._query.key:
                    columns.append(self._texts[events.keys].tolist())
                case self._query.time:
                    columns.append(events.times.tolist())
                case name if name == ID:
                    columns.append(events.ids.tolist())
                case name if name == CHECK:
                    columns.append(events.checks.tolist())
                case name:
                    data = events.values[name]
                    columns.append((data + self._shifts[name] if name in self._shifts else data).tolist())
        # One call for all, then a split: JSON escapes line ends, so each line is one event.
        values = self._json.encode_lines(list(map(self._event, *columns))).split(b"\n")[: len(events.ids)]
        return EncodedEvents(self._partition_of_key[events.keys].tolist(), self._bytes[events.keys].tolist(), values)

    def shares(self, events: Events) -> list[Share]:
        """The same for whole partitions at a time; planned order is kept within each."""
        self._know(events.labels)
        partitions = self._partition_of_key[events.keys]
        order = np.argsort(partitions, kind="stable")
        rows = self.rows(events.take(order))
        bounds = np.searchsorted(partitions[order], np.arange(self._partitions + 1)).tolist()
        return [
            Share(partition, rows.keys[start:stop], rows.values[start:stop])
            for partition, (start, stop) in enumerate(pairwise(bounds))
            if stop > start
        ]

    def _know(self, labels: Sequence[str]) -> None:
        """Look the keys' bytes and partitions up once, not for every event."""
        if labels is not self._labels:
            self._labels = labels
            self._texts = np.array(labels, dtype=object)
            self._bytes = np.array([label.encode() for label in labels], dtype=object)
            self._partition_of_key = np.array(
                [partition_of(label, self._partitions) for label in labels], dtype=np.int64
            )

    def control(self, key: str, identity: int, time_ms: int, event: ControlEvent) -> tuple[bytes, bytes]:
        """(key, value) of a heartbeat or closing event: an event like any other, with the integers of `event`."""
        fields: dict[str, Any] = {c.name: "" if c.type == "text" else 0 for c in self._query.columns}
        if self._query.deduplicate:
            fields |= dict.fromkeys(self._query.deduplicate.columns, identity)
        fields |= dict(event.values)
        fields |= {self._query.key: key, self._query.time: time_ms + event.after_ms, ID: identity}
        fields[CHECK] = int(checks(np.array([identity]))[0])
        return key.encode(), self._json.encode(self._event(*(fields[column.name] for column in self._query.columns)))
