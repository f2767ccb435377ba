"""What an operator is to its runner: the meaning of a query for one task."""

from __future__ import annotations

from typing import Protocol

from engines.runtime.connector import Results, Slice
from workloads.query import Query


class Operator(Protocol):
    """A query over one partition: the same records in the same order give the same rows, however they are cut.

    The watermark moves with every event, filtered out or not: it is the largest event time so far less the query's
    delay. An event is late, and dropped, by the watermark at its own place. For a window it is late if the ends of all
    windows that it belongs to are at or below the watermark (it counts in those that are open). For a session it is
    late if it is a gap or more behind the watermark and in no open session. For a join it is late if all that it could
    meet is behind the watermark. What was let through is known to the deduplication until the watermark has passed it
    by `within_ms`. No other shape drops anything.
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
        """Rows that came due since the last call, or None."""
        ...

    def snapshot(self) -> bytes:
        """All that `feed` took in and `results` did not give out yet. Call `results` first."""
        ...
