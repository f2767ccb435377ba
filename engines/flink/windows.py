"""Event-time windows of Flink's DataStream API, aggregated in Python. Runs in Flink's own environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pyflink.common import Row, Time
from pyflink.datastream import AggregateFunction, ProcessWindowFunction
from pyflink.datastream.window import (
    EventTimeSessionWindows,
    SlidingEventTimeWindows,
    TumblingEventTimeWindows,
    WindowAssigner,
)
from pyflink.datastream.window import TimeWindow as Bounds

from engines import sequence
from workloads.query import Query, Session, Sliding, TimeWindow, Top, Tumbling, Windowed

from . import sql, steps

Groups: TypeAlias = dict[int, list[Any]]
"""Accumulators by item, under 0 alone where the query ranks no items."""


def assigner(window: TimeWindow) -> WindowAssigner:
    match window:
        case Tumbling(size_ms=size):
            return TumblingEventTimeWindows.of(Time.milliseconds(size))
        case Sliding(size_ms=size, slide_ms=slide):
            return SlidingEventTimeWindows.of(Time.milliseconds(size), Time.milliseconds(slide))
        case Session():
            return EventTimeSessionWindows.with_gap(Time.milliseconds(sql.session_gap_ms(window)))


class Accumulate(AggregateFunction):  # type: ignore[misc]
    def __init__(self, shape: Windowed, names: Sequence[str]) -> None:
        self._shape, self._names = shape, names

    def create_accumulator(self) -> Groups:
        return {}

    def add(self, value: Sequence[Any], accumulator: Groups) -> Groups:
        event = dict(zip(self._names, value, strict=False))
        item = event[self._shape.top.item] if self._shape.top else 0
        accumulator[item] = sequence.accumulate(self._shape.outputs, accumulator.get(item), event)
        return accumulator

    def merge(self, acc_a: Groups, acc_b: Groups) -> Groups:
        for item, held in acc_b.items():
            acc_a[item] = sequence.merge(self._shape.outputs, acc_a[item], held) if item in acc_a else held
        return acc_a

    def get_result(self, accumulator: Groups) -> Groups:
        return accumulator


class Emit(ProcessWindowFunction):  # type: ignore[misc]
    """The rows of a window that is closed, from its accumulators."""

    def __init__(self, query: Query, shape: Windowed) -> None:
        self._query, self._shape = query, shape

    def process(self, key: str, context: ProcessWindowFunction.Context, elements: Iterable[Groups]) -> Iterator[Row]:
        for groups in elements:
            yield from closed(self._query, self._shape, key, context.window(), groups)


class EmitEvents(ProcessWindowFunction):  # type: ignore[misc]
    """The rows of a window that is closed, from its events. Where windows merge, PyFlink 2.3.0 keeps one accumulator
    of several (SynchronousAggregatingRuntimeState reads the first), but every event.
    """

    def __init__(self, query: Query, shape: Windowed, names: Sequence[str]) -> None:
        self._query, self._shape, self._names = query, shape, names

    def process(
        self, key: str, context: ProcessWindowFunction.Context, elements: Iterable[Sequence[Any]]
    ) -> Iterator[Row]:
        accumulate = Accumulate(self._shape, self._names)
        groups = accumulate.create_accumulator()
        for event in elements:
            groups = accumulate.add(event, groups)
        yield from closed(self._query, self._shape, key, context.window(), groups)


def closed(query: Query, shape: Windowed, key: str, window: Bounds, groups: Groups) -> Iterator[Row]:
    more = 1 if isinstance(query.time_window, Session) else 0
    bounds = {"start": window.start, "end": window.end + more}
    found = {item: sequence.finish(shape.outputs, held) for item, held in groups.items()}
    for values in found.values() if shape.top is None else ranked(shape.top, found):
        yield steps.row(query, key, {**bounds, **values})


def ranked(top: Top, found: Mapping[int, sequence.Row]) -> Iterator[sequence.Row]:
    order = sorted(found.items(), key=lambda item: (-item[1][top.by], item[0]))
    for rank, (item, values) in enumerate(order[: top.n], 1):
        yield {"rank": rank, "item": item, **values}
