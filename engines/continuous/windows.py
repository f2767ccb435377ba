"""Tumbling and sliding windows: a dictionary of open panes, each a dictionary of accumulators by group.

A pane is what two successive windows do not share: a whole tumbling window, or one slide of a sliding one. An event
changes one pane only; a sliding window's row is merged from its panes when it is due. A group is a key, or a key and an
item where the top items of a window are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.query import Aggregate, Query, Sliding, Top, Tumbling

from .accumulators import Accumulators, Held
from .shape_operator import NEVER, Aggregating

Pane = dict[Any, Held]

_LINES = """
if not start <= time < end:
    start = time - time % {slide}
    end = start + {slide}
    pane = panes.get(start)
    if pane is None:
        if start + {size} <= latest - {delay}:
            shape.late += 1
            start = end = -1
            continue
        pane = panes[start] = {{}}
        due = min(due, shape.next_end(latest - {delay}) + {delay})
    if end <= latest - {delay}:
        # Windows that this pane is part of are closed; the next ones must be merged with this event in it.
        shape.changed()
        start = end = -1
held = pane.get(({group}))
if held is None:
    pane[{group}] = ({initial},)
else:
    {names}, = held
    pane[{group}] = ({update},)
"""


class Windows(Aggregating):
    setup = "panes = shape.panes; start = end = -1"
    reset = "start = end = -1"

    def __init__(
        self, query: Query, window: Tumbling | Sliding, outputs: tuple[Aggregate, ...], top: Top | None
    ) -> None:
        super().__init__(query, Accumulators(outputs))
        self._size = window.size_ms
        self._slide = window.slide_ms if isinstance(window, Sliding) else window.size_ms
        self._top = top
        if top is not None:
            self.columns = sorted({*self.columns, top.item})
            self._by = [output.name for output in outputs].index(top.by)
        group = str if top is None else tuple[str, int]
        self.state_type = dict[int, dict[group, self.accumulators.type]]  # type: ignore[valid-type,name-defined]
        self.panes: dict[int, Pane] = {}
        self._closed = 0
        self._merged = _Merged(self.panes, self._slide, self.accumulators.merge_all)

    def lines(self, name: Callable[[str], str]) -> str:
        return _LINES.format(
            size=self._size,
            slide=self._slide,
            delay=self._delay,
            group="key" if self._top is None else f"key, {name(self._top.item)}",
            initial=self.accumulators.initial(name),
            names=self.accumulators.names,
            update=self.accumulators.update(name),
        )

    def changed(self) -> None:
        """An event came for a pane that was merged into a window already."""
        self._merged.forget()

    def next_end(self, mark: int) -> int:
        """The end of the first window that holds something and is open at this watermark."""
        return max(min(self.panes, default=NEVER) + self._slide, (mark // self._slide + 1) * self._slide)

    def close(self, mark: int) -> int:
        last, end = mark // self._slide * self._slide, self._closed
        while self.panes:
            # Windows between two far panes hold nothing.
            end = max(end, min(self.panes)) + self._slide
            if end > last:
                break
            self._emit(end)
            self.panes.pop(end - self._size, None)
        self._closed = last
        return self.next_end(mark)

    def _emit(self, end: int) -> None:
        start = end - self._size
        groups = self.panes[start] if self._size == self._slide else self._merged.window(start, end)
        if self._top is None:
            self.finished_rows(list(groups), list(groups.values()), start, end)
            return
        by_key: dict[str, list[tuple[int, Held]]] = {}
        for (key, item), held in groups.items():
            by_key.setdefault(key, []).append((item, self.finish(held)))
        for key, items in by_key.items():
            items.sort(key=lambda found: (-found[1][self._by], found[0]))
            for rank, (item, values) in enumerate(items[: self._top.n], 1):
                self.rows.append(self.row(key, start, end, rank, item, *values))

    @property
    def state(self) -> dict[int, Pane]:
        return self.panes

    def restore(self, state: dict[int, Pane], mark: int) -> None:
        self.panes.update(state)
        self._closed = mark // self._slide * self._slide


class _Merged:
    """Sliding windows out of panes, so that a window costs two mergers a group however many panes it has.

    A block has as many panes as a window. Its panes are merged once from the last to the first: `_back` is what each
    group holds from the window's first pane to the block's end. Those that follow are merged from the first to the last
    (`_front`). A window is a back and a front. `_undo` has a pane's groups as they are in the back without it.
    """

    def __init__(self, panes: dict[int, Pane], slide: int, merge_all: Callable[[Pane, Pane], None]) -> None:
        self._panes, self._slide, self._merge_all = panes, slide, merge_all
        self.forget()

    def forget(self) -> None:
        self._next = -1
        self._undo: list[dict[Any, Held | None]] = []
        self._back: Pane = {}
        self._front: Pane = {}

    def window(self, start: int, end: int) -> Pane:
        """What each group holds in [start, end)."""
        if end != self._next or not self._undo:
            self._begin_block(start, end)
        else:
            for group, held in self._undo.pop().items():
                if held is None:
                    del self._back[group]
                else:
                    self._back[group] = held
            pane = self._panes.get(end - self._slide, {})
            if self._front:
                self._merge_all(self._front, pane)
            else:
                self._front = pane.copy()
        self._next = end + self._slide
        if not self._front:
            return self._back
        # Copying costs a tenth of merging.
        more, less = self._back, self._front
        if len(more) < len(less):
            more, less = less, more
        both = more.copy()
        self._merge_all(both, less)
        return both

    def _begin_block(self, start: int, end: int) -> None:
        # The last pane stays in the back until the block's end, so it needs no undoing.
        self._undo, self._front = [], {}
        self._back = self._panes.get(end - self._slide, {}).copy()
        for first in range(end - 2 * self._slide, start - 1, -self._slide):
            pane = self._panes.get(first, {})
            self._undo.append({group: self._back.get(group) for group in pane})
            self._merge_all(self._back, pane)
