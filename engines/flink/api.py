"""Which of Flink's interfaces answers a query in a mode, and what that makes of its support."""

from __future__ import annotations

from typing import Literal

from engines.protocol import Support
from workloads.query import Count, Join, Project, Query, Running, Session, StateMachine, Top, Windowed

from . import sql

Api = Literal["sql", "table", "datastream"]

PYTHON_MODE = "python-datastream"

_STEPS = "a KeyedProcessFunction in Python, event by event"


def api(query: Query, mode: str) -> Api:
    """What comes after the source: the source and the sink are tables in every mode."""
    if mode == PYTHON_MODE or (query.ordered and query.deduplicate is not None):
        # SQL spreads a key's events over tasks by what is deduplicated, and their order is lost.
        return "datastream"
    if sql.answer(query) is not None:
        return "sql"
    return "table" if isinstance(query.shape, Windowed) and isinstance(query.shape.window, Count) else "datastream"


def support(query: Query, mode: str) -> Support:
    if isinstance(query.time_window, Session) and query.time_window.gap_ms < 2:
        return Support("unsupported", "Flink joins events that are no further apart than a gap of at least 1 ms")
    if mode != PYTHON_MODE:
        return Support("emulated", _STEPS) if api(query, mode) == "datastream" else Support("native")
    return _python(query)


def _python(query: Query) -> Support:
    match query.shape:
        case Join():
            return Support("unsupported", "PyFlink's DataStream API has no interval join")
        case Windowed(top=Top()):
            return Support("emulated", "a window function in Python that ranks the items")
        case Windowed() if query.time_window is None:
            return Support("emulated", _STEPS)
        case Windowed() if isinstance(query.time_window, Session):
            return Support("emulated", "a KeyedProcessFunction in Python that keeps open sessions, with timers")
        case Running() | StateMachine():
            return Support("emulated", _STEPS)
        case Project() | Windowed() if query.deduplicate is not None:
            return Support("emulated", "a KeyedProcessFunction in Python that lets the first of equal events through")
        case _:
            return Support("native")
