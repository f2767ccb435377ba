"""What Spark has no operator for, as a StatefulProcessor. Runs in Spark's own environment, in its Python workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from engines.sequence import step
from workloads.query import Query

from .events import OFFSET


class SequenceProcessor(StatefulProcessor):  # type: ignore[misc] # PySpark is not there when this is checked
    """Feeds a key's events, in the log's order, to the query's step; its state is JSON in one value."""

    def __init__(self, query: Query) -> None:
        self._query = query

    def init(self, handle: StatefulProcessorHandle) -> None:
        self._step = step(self._query)
        self._state = handle.getValueState("state", "text STRING")

    def handleInputRows(self, key: Any, rows: Iterator[Row], timerValues: Any) -> Iterator[Row]:  # noqa: ARG002, N802, N803
        held = self._state.get()
        state = json.loads(held[0]) if held else None
        # Spark sorts a batch's rows by key only.
        for row in sorted(rows, key=lambda row: row[OFFSET]):
            state, due = self._step(state, row.asDict())
            for found in due:
                yield Row(**{self._query.key: key[0]}, **found)
        if state is None:
            self._state.clear()
        else:
            self._state.update((json.dumps(state),))

    def close(self) -> None:
        pass
