"""Keyed steps of Flink's DataStream API in Python: they run in the TaskManagers.

Runs in Flink's own environment. State is as `engines.sequence` has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import FlatMapFunction, KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from engines import sequence
from workloads.query import Deduplicate, Query


def row(query: Query, key: str, values: sequence.Row) -> Row:
    """A result as the output table wants it."""
    return Row(key, *(values[name] for name in query.row_fields))


class Prepare(FlatMapFunction):  # type: ignore[misc]
    """Filter and derived columns: from a row of the query's columns to one with the derived ones behind them."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._names = [column.name for column in query.columns]
        self._derived = [linear.name for linear in query.derived]

    def flat_map(self, value: Sequence[Any]) -> Iterator[Row]:
        event = sequence.prepare(self._query, dict(zip(self._names, value, strict=False)))
        if event is not None:
            yield Row(*(event[name] for name in (*self._names, *self._derived)))


class FirstOfEach(KeyedProcessFunction):  # type: ignore[misc]
    """Lets the first of equal events through."""

    def __init__(self, rule: Deduplicate, time: str, names: Sequence[str]) -> None:
        self._rule, self._time, self._names = rule, time, names
        self._kept: Any = None

    def open(self, runtime_context: RuntimeContext) -> None:
        self._keep = sequence.first_of(self._rule, self._time)
        self._kept = runtime_context.get_state(ValueStateDescriptor("kept", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: Sequence[Any], ctx: KeyedProcessFunction.Context) -> Iterator[Any]:  # noqa: ARG002
        kept, first = self._keep(self._kept.value(), dict(zip(self._names, value, strict=False)))
        self._kept.update(kept)
        if first:
            yield value


class Step(KeyedProcessFunction):  # type: ignore[misc]
    """Answers a query that depends on the order of a key's events."""

    def __init__(self, query: Query, names: Sequence[str]) -> None:
        self._query, self._names = query, names
        self._state: Any = None

    def open(self, runtime_context: RuntimeContext) -> None:
        self._step = sequence.step(self._query)
        self._state = runtime_context.get_state(ValueStateDescriptor("state", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: Sequence[Any], ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        state, rows = self._step(self._state.value(), dict(zip(self._names, value, strict=False)))
        if state is None:
            self._state.clear()
        else:
            self._state.update(state)
        for values in rows:
            yield row(self._query, ctx.get_current_key(), values)


class Projection(FlatMapFunction):  # type: ignore[misc]
    """One row for every event."""

    def __init__(self, query: Query, names: Sequence[str]) -> None:
        self._query, self._names = query, names

    def flat_map(self, value: Sequence[Any]) -> Iterator[Row]:
        event = dict(zip(self._names, value, strict=False))
        yield row(self._query, event[self._query.key], event)
