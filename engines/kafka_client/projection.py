"""Projection: a row for every event, and no state."""

from __future__ import annotations

from collections.abc import Sequence

from engines.sequence import Event
from workloads.query import CHECK, ID, Project, Query

from .operator import Row, Table


class Projection:
    def __init__(self, query: Query, shape: Project) -> None:
        self.late = 0
        self.tables: Sequence[Table] = ()
        self._key = query.key
        self._columns = (ID, *shape.fields, CHECK)

    def take(self, event: Event, watermark: int) -> list[Row]:  # noqa: ARG002
        return [{"key": event[self._key], **{column: event[column] for column in self._columns}}]

    def advance(self, watermark: int) -> list[Row]:  # noqa: ARG002
        return []
