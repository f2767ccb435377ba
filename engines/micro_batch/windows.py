"""Tumbling and sliding windows: a table of open panes by key, merged into windows when they are due.

A pane is what two successive windows do not share: a whole tumbling window, or one slide of a sliding one. So an event
is added once, however many windows it is in. Where the top items of a window are asked for, the table is by item, too.
"""

from __future__ import annotations

import numpy as np

from workloads.query import Aggregate, Query, Sliding, Top, Tumbling

from .accumulators import expand, finish
from .columns import Columns
from .groups import Table, begins, ranked
from .shape_operator import Batch, Rows, State
from .words import Integers

_MERGED_ROWS = 1 << 20
"""Rows of panes that are merged into windows at once, if that is no less than one window's."""


class Windows:
    """Panes and the ends of windows are counted in slides. closed: the last end that is at or below the watermark."""

    def __init__(
        self, query: Query, window: Tumbling | Sliding, outputs: tuple[Aggregate, ...], top: Top | None
    ) -> None:
        self.late = 0
        self._time = query.time
        self._slide = window.slide_ms if isinstance(window, Sliding) else window.size_ms
        self._panes = window.size_ms // self._slide
        self._top = top
        self._outputs = outputs
        self._table = Table(outputs, 2 if top is None else 3)
        self._closed = 0

    def add(self, batch: Batch) -> list[Rows]:
        columns = batch.columns
        panes, closed = columns.values[self._time] // self._slide, batch.marks // self._slide
        late = panes + self._panes <= closed
        if late.any():
            self.late += int(np.count_nonzero(late))
            columns, panes, closed = columns.take(~late), panes[~late], closed[~late]
        rows: list[Rows] = []
        # The windows that close within the batch may be merged at its end, unless an event comes for a pane after the
        # first of that pane's windows closed: it counts for the later ones only.
        if (panes < closed).any():
            cuts = [0, *(np.flatnonzero(np.diff(closed)) + 1).tolist()]
            for start, end in zip(cuts, [*cuts[1:], len(panes)], strict=True):
                rows += self._close(int(closed[start]))
                self._add(panes[start:end], columns.part(start, end))
        else:
            self._add(panes, columns)
        return rows + self._close(batch.mark // self._slide)

    def _add(self, panes: Integers, columns: Columns) -> None:
        keys = [panes, columns.keys]
        if self._top is not None:
            keys.append(columns.values[self._top.item])
        self._table.add(keys, columns.values)

    def _close(self, closed: int) -> list[Rows]:
        """Rows of the windows that are due, their ends from the last closed one on up to this."""
        before, self._closed = self._closed, closed
        table = self._table
        if not len(table) or int(table.keys[0][0]) >= closed:
            return []
        # The table is in the order of panes.
        left = int(np.searchsorted(table.keys[0], closed - self._panes, "right"))
        rows = self._merge(before + 1, closed) if self._panes > 1 else [self._rows(table.take(np.arange(left)))]
        self._table = table.take(np.arange(left, len(table)))
        return rows

    def _merge(self, first: int, last: int) -> list[Rows]:
        """Rows of the windows that end at `first` to `last`."""
        table = self._table
        panes = table.keys[0]
        starts, ends = np.maximum(panes + 1, first), np.minimum(panes + self._panes, last) + 1
        if int(np.maximum(ends - starts, 0).sum()) > _MERGED_ROWS and first < last:
            middle = (max(first, int(starts.min())) + min(last, int(ends.max()))) // 2
            if first <= middle < last:
                return self._merge(first, middle) + self._merge(middle + 1, last)
        which, end = expand(starts, ends)
        keys = [column[which] for column in table.keys[1:]]
        merged = table.merged(which, [end - self._panes, *keys])
        return [self._rows(merged)] if len(merged) else []

    def _rows(self, table: Table) -> Rows:
        """Of windows by their first pane."""
        starts = table.keys[0] * self._slide
        bounds = [starts, starts + self._panes * self._slide]
        values = finish(table.held, len(table))
        if self._top is None:
            return Rows(table.keys[1], [*bounds, *values])
        items = table.keys[2]
        by = values[[output.name for output in self._outputs].index(self._top.by)]
        order = np.lexsort((items, -by, table.keys[1], table.keys[0]))
        ranks = ranked(begins(table.keys[0][order], table.keys[1][order])) + 1
        best = order[ranks <= self._top.n]
        ranks = ranks[ranks <= self._top.n]
        return Rows(
            table.keys[1][best],
            [*(bound[best] for bound in bounds), ranks, items[best], *(value[best] for value in values)],
        )

    def state(self) -> State:
        return State([self._table.keys[1]], self._table.numbers)

    def restore(self, state: State, mark: int) -> None:
        self._table.restore(state.codes[0], state.numbers)
        self._closed = mark // self._slide
