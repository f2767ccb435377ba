"""Deduplication: of a key's equal events only the first goes on."""

from __future__ import annotations

from collections.abc import Sequence

from engines.sequence import Event
from workloads.query import Deduplicate, Query

from .operator import Table
from .spans import Spans


class Deduplication:
    """Remembers the times of what went on, by key and value, as long as the same may come again."""

    def __init__(self, query: Query, rule: Deduplicate) -> None:
        self._time, self._key = query.time, query.key
        self._columns, self._within = rule.columns, rule.within_ms
        self._seen: Spans[dict[str, int]] = Spans("seen", dict, rule.within_ms)

    @property
    def tables(self) -> Sequence[Table]:
        return (self._seen,)

    def first(self, event: Event, watermark: int) -> bool:
        """Whether the event goes on."""
        key, time = event[self._key], event[self._time]
        value = "|".join([str(event[column]) for column in self._columns])
        for span in self._seen.of(key).values():
            if value in span and time < span[value] + self._within:
                return False
        own = self._seen.change(key, time, watermark)
        if own is not None:
            own[value] = time
        return True

    def advance(self, watermark: int) -> None:
        self._seen.advance(watermark)
