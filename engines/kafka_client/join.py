"""The join of two streams: what each side has seen waits for its partners as long as they may come.

Nothing is dropped as late: an event finds every partner that still waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from engines.sequence import Event, passes
from workloads.query import CHECK, ID, Join, Query

from .operator import Row, Table
from .spans import SPAN_MS, Spans


class JoinBuffers:
    """Events by side and key, each as [time, id, check, *columns that the rows need of that side]."""

    def __init__(self, query: Query, shape: Join) -> None:
        self.late = 0
        self._time, self._key = query.time, query.key
        self._shape = shape
        self._left: Spans[list[list[int]]] = Spans("left", list, shape.upper_ms)
        self._right: Spans[list[list[int]]] = Spans("right", list, -shape.lower_ms)
        left, right = ([field for field in shape.fields if field.side == side] for side in ("left", "right"))
        self._left_columns = (query.time, ID, CHECK, *(field.column for field in left))
        self._right_columns = (query.time, ID, CHECK, *(field.column for field in right))
        self._left_names, self._right_names = [field.name for field in left], [field.name for field in right]

    @property
    def tables(self) -> Sequence[Table]:
        return (self._left, self._right)

    def take(self, event: Event, watermark: int) -> list[Row]:
        key, time = event[self._key], event[self._time]
        if passes(self._shape.left, event):
            held = [event[column] for column in self._left_columns]
            partners = _between(self._right, key, time + self._shape.lower_ms, time + self._shape.upper_ms)
            _keep(self._left, key, held, watermark)
            return [self._row(key, held, partner) for partner in partners]
        if passes(self._shape.right, event):
            held = [event[column] for column in self._right_columns]
            partners = _between(self._left, key, time - self._shape.upper_ms, time - self._shape.lower_ms)
            _keep(self._right, key, held, watermark)
            return [self._row(key, partner, held) for partner in partners]
        return []

    def advance(self, watermark: int) -> list[Row]:
        self._left.advance(watermark)
        self._right.advance(watermark)
        return []

    def _row(self, key: str, left: list[int], right: list[int]) -> Row:
        _, left_id, left_check, *left_values = left
        _, right_id, right_check, *right_values = right
        return {
            "key": key,
            "left": left_id,
            "right": right_id,
            **dict(zip(self._left_names, left_values, strict=True)),
            **dict(zip(self._right_names, right_values, strict=True)),
            "checks": left_check + right_check,
        }


def _between(side: Spans[list[list[int]]], key: str, earliest: int, latest: int) -> list[list[int]]:
    return [
        held
        for start, span in side.of(key).items()
        if earliest - SPAN_MS < start <= latest
        for held in span
        if earliest <= held[0] <= latest
    ]


def _keep(side: Spans[list[list[int]]], key: str, held: list[int], watermark: int) -> None:
    span = side.change(key, held[0], watermark)
    if span is not None:
        span.append(held)
