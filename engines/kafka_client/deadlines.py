"""Deadlines: when in event time something has to be looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from .changelog import Name


class Deadlines:
    """The earliest deadline of each name, epoch ms; memory grows with the names and not with the calls."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Name]] = []
        self._at: dict[Name, int] = {}

    def schedule(self, name: Name, at: int) -> None:
        """Nothing changes if the name has an earlier deadline already."""
        known = self._at.get(name)
        if known is None or at < known:
            self._at[name] = at
            heappush(self._heap, (at, name))

    def due(self, watermark: int) -> Sequence[Name]:
        """Names whose deadline the watermark has reached, in order of time; they have none any more."""
        if not self._heap or self._heap[0][0] > watermark:
            return ()
        names = []
        while self._heap and self._heap[0][0] <= watermark:
            at, name = heappop(self._heap)
            # Else it was moved to an earlier time, and has been returned for that.
            if self._at.get(name) == at:
                del self._at[name]
                names.append(name)
        return names
