"""One input partition: its events in log order through the query, and its state into the changelog.

The watermark is the partition's own: its largest event time less the query's delay. A window is answered as soon as an
event brings the watermark to its end.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Protocol

from engines.protocol import Counter
from engines.sequence import prepare
from workloads.query import Join, Project, Query, Session, Sliding, Tumbling, Windowed

from . import changelog
from .changelog import State
from .deduplication import Deduplication
from .events import BrokenRecord, decode
from .join import JoinBuffers
from .operator import Operator, Row
from .projection import Projection
from .sequences import Sequences
from .sessions import Sessions
from .windows import Windows

_LOGGED = 20
"""Of a flood of broken records the first are logged, all are counted."""

log = logging.getLogger(__name__)


class Record(Protocol):
    """A record of the input: kafka-python's ConsumerRecord is one."""

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def value(self) -> bytes | None: ...


def operator(query: Query) -> Operator:
    match query.shape:
        case Windowed(window=Tumbling() | Sliding() as window):
            return Windows(query, query.shape, window)
        case Windowed(window=Session() as window):
            return Sessions(query, query.shape, window)
        case Project():
            return Projection(query, query.shape)
        case Join():
            return JoinBuffers(query, query.shape)
        case _:
            return Sequences(query)


class Partition:
    """offset: of the input, after the last record taken; None before the first."""

    def __init__(self, query: Query, restored: State) -> None:
        """restored: what to go on from; taken over, not copied."""
        self.offset = self._committed = restored.offset
        self._broken = 0
        self._counted: dict[Counter, int] = {"late": 0, "broken": 0}
        self._query = query
        self._latest = restored.latest
        self._operator = operator(query)
        self._deduplication = Deduplication(query, query.deduplicate) if query.deduplicate else None
        self._tables = (*self._operator.tables, *(self._deduplication.tables if self._deduplication else ()))
        self._restore(restored)

    def counters(self) -> dict[Counter, int]:
        """Events dropped because they came too late and records skipped as no events, since this was last asked."""
        totals: dict[Counter, int] = {"late": self._operator.late, "broken": self._broken}
        since = {name: total - self._counted[name] for name, total in totals.items()}
        self._counted = totals
        return since

    def process(self, records: Iterable[Record]) -> list[tuple[bytes, bytes]]:
        """Take records in log order. Returns the rows that became due, as record key and JSON."""
        rows: list[Row] = []
        query, take, deduplication = self._query, self._operator.take, self._deduplication
        watermark = self._watermark
        for record in records:
            self.offset = record.offset + 1
            try:
                event = decode(query.columns, record.value)
            except BrokenRecord as why:
                self._skip(record, why)
                continue
            if event[query.time] > self._latest:
                self._latest = event[query.time]
                watermark = self._watermark
                rows += self._advance(watermark)
            prepared = prepare(query, event)
            if prepared is not None and (deduplication is None or deduplication.first(prepared, watermark)):
                rows += take(prepared, watermark)
        return [(row["key"].encode(), json.dumps(row, separators=(",", ":")).encode()) for row in rows]

    def changes(self) -> list[changelog.Record]:
        """What the changelog lacks up to `offset`, its commit record last; nothing if nothing came since last time."""
        if self.offset is None or self.offset == self._committed:
            return []
        records = [record for table in self._tables for record in table.journal.records(self.offset, table.state)]
        records.append(changelog.commit(self.offset, self._latest))
        self._committed = self.offset
        return records

    @property
    def _watermark(self) -> int:
        return self._latest - self._query.watermark_delay_ms

    def _advance(self, watermark: int) -> list[Row]:
        if self._deduplication:
            self._deduplication.advance(watermark)
        return self._operator.advance(watermark)

    def _skip(self, record: Record, why: BrokenRecord) -> None:
        self._broken += 1
        if self._broken <= _LOGGED:
            log.warning("skipped partition %d offset %d, which is no event: %s", record.partition, record.offset, why)

    def _restore(self, restored: State) -> None:
        tables = {table.journal.table: table for table in self._tables}
        for (table, *rest), state in restored.entries.items():
            name = tuple(rest)
            if state is None or not tables[table].restore(name, state, self._watermark):
                tables[table].journal.gone(name)
        for table, *rest in restored.torn:
            tables[table].journal.torn(tuple(rest))
