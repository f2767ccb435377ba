"""Tumbling and sliding windows, and the top items in them.

Events are aggregated in panes, as long as a slide; a window is answered from its panes. For a tumbling window that is
one. An event is late once the last of its windows has been answered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import nsmallest
from typing import Any, TypeAlias

from engines.sequence import Event
from workloads.query import Query, Sliding, Top, Tumbling, Windowed

from .aggregation import Aggregation, Totals
from .changelog import Name
from .journal import Journal
from .operator import Row

Group: TypeAlias = tuple[Any, ...]
"""What is aggregated together: (key,), or (key, item) for top items."""


class Windows:
    """Panes by start, epoch ms, then group. Its entries are called (pane start, *group)."""

    def __init__(self, query: Query, shape: Windowed, window: Tumbling | Sliding) -> None:
        self.late = 0
        self.journal = Journal("pane")
        self.tables = (self,)
        self._time = query.time
        self._size = window.size_ms
        self._slide = window.slide_ms if isinstance(window, Sliding) else window.size_ms
        self._top = shape.top
        self._columns = (query.key, shape.top.item) if shape.top else (query.key,)
        self._aggregation = Aggregation(shape.outputs)
        self._panes: dict[int, dict[Group, Totals]] = {}
        self._next_end: float = math.inf
        """Of the first window that is not answered and has a pane."""

    def take(self, event: Event, watermark: int) -> list[Row]:
        start = event[self._time] - event[self._time] % self._slide
        if start + self._size <= watermark:
            self.late += 1
            return []
        group = tuple([event[column] for column in self._columns])
        totals = self._pane(start, watermark).get(group)
        if totals is None:
            self._panes[start][group] = self._aggregation.first(event)
            self.journal.create((start, *group))
        else:
            self._aggregation.add(totals, event)
            self.journal.change((start, *group))
        return []

    def advance(self, watermark: int) -> list[Row]:
        rows: list[Row] = []
        while self._next_end <= watermark:
            end = int(self._next_end)
            start = end - self._size
            groups = self._merged(self._panes[at] for at in range(start, end, self._slide) if at in self._panes)
            rows += self._rows(start, end, groups)
            # The window was the last of its first pane.
            for group in self._panes.pop(start, ()):
                self.journal.expire((start, *group))
            self._next_end = max(end, min(self._panes)) + self._slide if self._panes else math.inf
        return rows

    def state(self, name: Name) -> list[Any]:
        start, *group = name
        return self._aggregation.plain(self._panes[start][tuple(group)])

    def restore(self, name: Name, state: list[Any], watermark: int) -> bool:
        start, *group = name
        if start + self._size <= watermark:
            return False
        self._pane(start, watermark)[tuple(group)] = self._aggregation.typed(state)
        return True

    def _pane(self, start: int, watermark: int) -> dict[Group, Totals]:
        pane = self._panes.get(start)
        if pane is None:
            pane = self._panes[start] = {}
            unanswered = watermark // self._slide * self._slide
            self._next_end = min(self._next_end, max(start, unanswered) + self._slide)
        return pane

    def _merged(self, panes: Iterable[dict[Group, Totals]]) -> dict[Group, Totals]:
        if self._slide == self._size:
            return next(iter(panes))
        merged: dict[Group, Totals] = {}
        for pane in panes:
            for group, totals in pane.items():
                held = merged.get(group)
                if held is None:
                    merged[group] = self._aggregation.copy(totals)
                else:
                    self._aggregation.merge(held, totals)
        return merged

    def _rows(self, start: int, end: int, groups: dict[Group, Totals]) -> list[Row]:
        bounds = {"start": start, "end": end}
        if self._top is None:
            return [{"key": key, **bounds, **self._aggregation.answer(totals)} for (key,), totals in groups.items()]
        items: dict[str, list[Row]] = {}
        for (key, item), totals in groups.items():
            items.setdefault(key, []).append({"item": item, **self._aggregation.answer(totals)})
        return [
            {"key": key, **bounds, "rank": rank, **row}
            for key, rows in items.items()
            for rank, row in enumerate(_largest(self._top, rows), 1)
        ]


def _largest(top: Top, rows: list[Row]) -> list[Row]:
    return nsmallest(top.n, rows, key=lambda row: (-row[top.by], row["item"]))
