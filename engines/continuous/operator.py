"""Record at a time: one loop over events, made for the query, and plain dictionaries."""

from __future__ import annotations

from types import GenericAlias
from typing import Any

import msgspec

from engines.runtime.connector import Results, Slice
from engines.runtime.events import EventDecoder
from workloads.query import (
    Count,
    Join,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    StateMachine,
    Tumbling,
    Until,
    Windowed,
)

from .joins import IntervalJoin
from .loop import compile_loop
from .sequences import CountWindows, DataDrivenWindows, Machines, Projection, RunningAggregates
from .sessions import Sessions
from .shape_operator import NEVER, ShapeOperator
from .windows import Windows


def shape_of(query: Query) -> ShapeOperator:
    match query.shape:
        case Windowed(window=Tumbling() | Sliding() as window, outputs=outputs, top=top):
            return Windows(query, window, outputs, top)
        case Windowed(window=Session() as window, outputs=outputs):
            return Sessions(query, window, outputs)
        case Windowed(window=Count() as window, outputs=outputs):
            return CountWindows(query, window, outputs)
        case Windowed(window=Until() as window, outputs=outputs):
            return DataDrivenWindows(query, window, outputs)
        case Running() as shape:
            return RunningAggregates(query, shape)
        case Project() as shape:
            return Projection(query, shape)
        case Join() as shape:
            return IntervalJoin(query, shape)
        case StateMachine() as shape:
            return Machines(query, shape)
        case _:
            raise TypeError(f"no shape of query: {query.shape!r}")


class Operator:
    """See `engines.runtime.operator`.

    latest: largest event time, -1 at first. due: the event time at which `close` is to be called. kept: times by key
    and columns, where the query deduplicates.
    """

    def __init__(self, query: Query, partition: int, state: bytes | None) -> None:
        self._partition = partition
        self._delay = query.watermark_delay_ms
        self._within = query.deduplicate.within_ms if query.deduplicate else None
        self._shape = shape_of(query)
        self._decoder = EventDecoder(query)
        self._encoder = msgspec.json.Encoder()
        self._process = compile_loop(query, self._shape)
        self.latest, self.broken = -1, 0
        self.due = -1
        self.kept: dict[tuple[Any, ...], int] = {}
        if state:
            self._restore(state)

    def _restore(self, state: bytes) -> None:
        kept = dict[tuple[str | int, ...], int]
        types = GenericAlias(tuple, (int, int, int, kept, self._shape.state_type))
        self.latest, self.broken, late, self.kept, shape = msgspec.msgpack.decode(state, type=types)
        self._shape.late = late
        self._shape.restore(shape, self.latest - self._delay)
        # Whatever is next, the first event that moves the watermark finds it out.
        self.due = self.latest

    @property
    def late(self) -> int:
        return self._shape.late

    def close(self, latest: int) -> int:
        """Let time pass up to this largest event time; the one at which to be called again."""
        mark = latest - self._delay
        due = self._shape.close(mark)
        if self._within is not None:
            # Kept times are looked through once each span, so that an event pays for two looks.
            within, kept = self._within, self.kept
            for once in [once for once, time in kept.items() if time + within <= mark]:
                del kept[once]
            due = min(due, mark + within)
        return due + self._delay if due < NEVER else NEVER

    def feed(self, part: Slice) -> None:
        events, broken = self._decoder.decode(part)
        self.broken += broken
        self._process(self, self._shape, events)
        self._shape.settle(self.latest - self._delay)

    def results(self) -> Results | None:
        rows = self._shape.rows
        if not rows:
            return None
        results = Results(
            self._partition, [row.key.encode() for row in rows], self._encoder.encode_lines(rows).rstrip()
        )
        rows.clear()
        return results

    def snapshot(self) -> bytes:
        shape = self._shape
        return msgspec.msgpack.encode((self.latest, self.broken, shape.late, self.kept, shape.state))
