"""A query as a Flink DataStream in Python. Runs in Flink's own environment.

Queries have numbered names here (see `workloads.names`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pyflink.common import Types
from pyflink.common.typeinfo import TypeInformation
from pyflink.datastream import DataStream, KeyedStream

from workloads.query import Project, Query, Session, Windowed

from . import steps, windows


def named(query: Query) -> list[str]:
    """Columns of an event with the derived ones behind them."""
    return [*(column.name for column in query.columns), *(linear.name for linear in query.derived)]


def prepared(query: Query, source: DataStream) -> DataStream:
    """From a stream of every event to that of those that pass the filter, derived, without what repeats."""
    names = named(query)
    kind = Types.ROW([Types.STRING() if name == query.key else Types.LONG() for name in names])
    events = source.flat_map(steps.Prepare(query), output_type=kind)
    if query.deduplicate is not None:
        events = _by_key(query, events, names).process(
            steps.FirstOfEach(query.deduplicate, query.time, names), output_type=kind
        )
    return events


def answer(query: Query, events: DataStream) -> DataStream:
    """events: rows of `named(query)`, with event time and watermarks. The result has the output table's columns."""
    names = named(query)
    kind = _rows(query)
    if isinstance(query.shape, Project):
        return events.flat_map(steps.Projection(query, names), output_type=kind)
    keyed = _by_key(query, events, names)
    if isinstance(query.shape, Windowed) and query.time_window is not None:
        if isinstance(query.time_window, Session):
            sessions = windows.Sessions(query, query.shape, query.time_window, names)
            return keyed.process(sessions, output_type=kind)
        return keyed.window(windows.assigner(query.time_window)).aggregate(
            windows.Accumulate(query.shape, names), windows.Emit(query, query.shape), Types.PICKLED_BYTE_ARRAY(), kind
        )
    return keyed.process(steps.Step(query, names), output_type=kind)


def _by_key(query: Query, events: DataStream, names: Sequence[str]) -> KeyedStream:
    place = names.index(query.key)
    return events.key_by(lambda event: event[place], key_type=Types.STRING())


def _rows(query: Query) -> TypeInformation:
    integers = query.row_fields
    return Types.ROW_NAMED(["key", *integers], [Types.STRING(), *(Types.LONG() for _ in integers)])
