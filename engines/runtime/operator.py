"""What an operator is to its runner: the meaning of a query for one task."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from engines.runtime.connector import Results, Slice
from workloads.query import Query

_logger = logging.getLogger(__name__)


class Operator(Protocol):
    """Windowed aggregates of one partition: the same records in the same order give the same rows, however cut.

    The watermark moves with every event: it is the largest event time so far less the query's delay. An event is late
    if its window's end is at or below the watermark at that point; it is dropped.
    """

    @property
    def late(self) -> int:
        """Events dropped as late since the job began."""
        ...

    @property
    def broken(self) -> int:
        """Records that were no events, since the job began."""
        ...

    def __init__(self, query: Query, partition: int, state: bytes | None) -> None:
        """Begin anew, or from what `snapshot` gave."""
        ...

    def feed(self, part: Slice) -> None:
        """Take records in."""
        ...

    def results(self) -> Results | None:
        """Rows of all windows that came due since the last call, or None."""
        ...

    def snapshot(self) -> bytes:
        """All that `feed` took in and `results` did not give out yet. Call `results` first."""
        ...


class Skipped:
    """Tells in the worker's log how many records were left out, whenever there are more of them."""

    def __init__(self) -> None:
        self._told = (0, 0)

    def tell(self, operators: Iterable[Operator]) -> None:
        counts = [(operator.broken, operator.late) for operator in operators]
        broken, late = (sum(column) for column in zip(*counts, strict=True))
        if (broken, late) != self._told:
            self._told = (broken, late)
            _logger.warning("skipped since the job began: %d records that are no events, %d late events", broken, late)
