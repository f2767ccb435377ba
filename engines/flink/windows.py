"""Event-time windows of Flink's DataStream API, aggregated in Python. Runs in Flink's own environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pyflink.common import Row, Time, Types
from pyflink.datastream import AggregateFunction, KeyedProcessFunction, ProcessWindowFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor
from pyflink.datastream.window import SlidingEventTimeWindows, TumblingEventTimeWindows, WindowAssigner

from engines import sequence
from workloads.query import Query, Session, Sliding, Top, Tumbling, Windowed

from . import steps

Groups: TypeAlias = dict[int, list[Any]]
"""Accumulators by item, under 0 alone where the query ranks no items."""


def assigner(window: Tumbling | Sliding) -> WindowAssigner:
    match window:
        case Tumbling(size_ms=size):
            return TumblingEventTimeWindows.of(Time.milliseconds(size))
        case Sliding(size_ms=size, slide_ms=slide):
            return SlidingEventTimeWindows.of(Time.milliseconds(size), Time.milliseconds(slide))


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
            window = context.window()
            yield from closed(self._query, self._shape, key, window.start, window.end, groups)


class Sessions(KeyedProcessFunction):  # type: ignore[misc]
    """Session windows by a state of our own, of a key's open sessions as [start, end, accumulators].

    Flink's own merge, and Flink 2.3.0 takes no checkpoint of windows that merge where Python runs in its TaskManagers
    (ClassCastException: VoidNamespace cannot be cast to TimeWindow).
    """

    def __init__(self, query: Query, shape: Windowed, window: Session, names: Sequence[str]) -> None:
        self._query, self._shape, self._gap_ms, self._names = query, shape, window.gap_ms, names
        self._open: Any = None
        self._late: Any = None

    def open(self, runtime_context: RuntimeContext) -> None:
        self._accumulate = Accumulate(self._shape, self._names)
        self._open = runtime_context.get_state(ValueStateDescriptor("open", Types.PICKLED_BYTE_ARRAY()))
        # By the name that Flink's own windows use, which is where late events are looked up.
        self._late = runtime_context.get_metrics_group().counter("numLateRecordsDropped")

    def process_element(self, value: Sequence[Any], ctx: KeyedProcessFunction.Context) -> Iterable[Row]:
        start = value[self._names.index(self._query.time)]
        end, groups = start + self._gap_ms, self._accumulate.add(value, self._accumulate.create_accumulator())
        apart = []
        for held in self._open.value() or ():
            if held[0] < end and start < held[1]:
                start, end = min(start, held[0]), max(end, held[1])
                groups = self._accumulate.merge(held[2], groups)
            else:
                apart.append(held)
        timers = ctx.timer_service()
        if end - 1 <= timers.current_watermark():
            self._late.inc()
        else:
            self._open.update([*apart, [start, end, groups]])
            timers.register_event_time_timer(end - 1)
        return ()

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        held = self._open.value() or ()
        left = [session for session in held if session[1] - 1 > timestamp]
        if left:
            self._open.update(left)
        else:
            self._open.clear()
        for start, end, groups in held:
            if end - 1 <= timestamp:
                yield from closed(self._query, self._shape, ctx.get_current_key(), start, end, groups)


def closed(query: Query, shape: Windowed, key: str, start: int, end: int, groups: Groups) -> Iterator[Row]:
    found = {item: sequence.finish(shape.outputs, held) for item, held in groups.items()}
    for values in found.values() if shape.top is None else ranked(shape.top, found):
        yield steps.row(query, key, {"start": start, "end": end, **values})


def ranked(top: Top, found: Mapping[int, sequence.Row]) -> Iterator[sequence.Row]:
    order = sorted(found.items(), key=lambda item: (-item[1][top.by], item[0]))
    for rank, (item, values) in enumerate(order[: top.n], 1):
        yield {"rank": rank, "item": item, **values}
