"""Heartbeats and closing events: what their columns must hold so that a query lets them through and answers them.

Standard library only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from workloads.query import (
    ID,
    WATERMARK_MARGIN_MS,
    Condition,
    Count,
    Join,
    Query,
    SqlAnswer,
    StateMachine,
    Until,
    Windowed,
)


@dataclass(frozen=True)
class ControlEvent:
    """An event of a heartbeat's or closing key: its time after the round's, and integer columns that are not zero."""

    after_ms: int
    values: Mapping[str, int]


def heartbeat_ms(second: int, watermark_delay_ms: int, speed: float) -> int:
    """Event time of the heartbeat in this second of a paced phase, in ms after the segment's base.

    speed: how much faster event time passes than wall time. An on-time event is at most a second less than the delay
    late, so a heartbeat that lags by that much never leads the events of its partition.
    """
    return max(int(second * 1000 * speed) - max(watermark_delay_ms - WATERMARK_MARGIN_MS, 0), 0)


def heartbeat_second(passed_ms: Any, watermark_delay_ms: int, speed: float) -> Any:
    """The first second whose heartbeat has at least this event time (an integer or an array of them)."""
    return -(-(passed_ms + max(watermark_delay_ms - WATERMARK_MARGIN_MS, 0)) // (1000 * speed))


def holds(condition: Condition, value: int) -> bool:
    if condition.modulo is not None:
        value %= condition.modulo
    match condition.comparator:
        case "=":
            return value == condition.value
        case "!=":
            return value != condition.value
        case "<":
            return value < condition.value
        case "<=":
            return value <= condition.value
        case ">":
            return value > condition.value
        case ">=":
            return value >= condition.value


def heartbeat(query: Query) -> ControlEvent:
    """An event that passes the filter: some engines let time pass only with what they do not filter out."""
    return ControlEvent(0, _satisfying(query.where))


def closing(query: Query) -> tuple[ControlEvent, ...]:
    """Events of one key for which, in this order, the query has at least one row.

    Raises ValueError where no such events exist: conditions that contradict each other, a machine without an output.
    """
    match query.shape:
        case Windowed(window=Count(size=size)):
            return (ControlEvent(0, _satisfying(query.where)),) * size
        case Windowed(window=Until(condition=condition)):
            return (ControlEvent(0, _satisfying((*query.where, condition))),)
        case Join(left=left, right=right, lower_ms=lower, upper_ms=upper):
            apart = min(max(lower, 0), upper)
            first, second = _satisfying((*query.where, *left)), _satisfying((*query.where, *right))
            return (ControlEvent(max(-apart, 0), first), ControlEvent(max(apart, 0), second))
        case StateMachine() as machine:
            given = _satisfying(query.where)
            return tuple(ControlEvent(0, dict(given) | {machine.symbol: symbol}) for symbol in _path(machine))
        case SqlAnswer(closings=given_events):
            return tuple(ControlEvent(0, dict(values)) for values in given_events) or (ControlEvent(0, {}),)
        case _:
            return (ControlEvent(0, _satisfying(query.where)),)


def awaited(query: Query) -> bool:
    """Whether it is known that closing events have rows: of a user's statement only where it says how they look."""
    return not isinstance(query.shape, SqlAnswer) or bool(query.shape.closings)


def answers(query: Query, row: Mapping[str, Any], time_ms: int, first_id: int) -> bool:
    """Whether a closing key's row is for events sent at time_ms with ids from first_id on, or for later ones."""
    if isinstance(query.shape, SqlAnswer):
        return True  # What its columns mean is not known; rows of an earlier round were seen before.
    if query.time_window is not None:
        start = row.get("start")
        return isinstance(start, int) and start <= time_ms < row.get("end", start)
    names = query.identity if ID not in query.identity else (ID,)
    return all(isinstance(row.get(name), int) and row[name] >= first_id for name in names)


def _path(machine: StateMachine) -> list[int]:
    """The shortest sequence of symbols from the initial state to an output."""
    waiting: deque[tuple[int, list[int]]] = deque([(0, [])])
    seen = {0}
    while waiting:
        state, symbols = waiting.popleft()
        for transition in machine.transitions:
            if transition.state != state:
                continue
            if transition.output is not None:
                return [*symbols, transition.symbol]
            if transition.to not in seen:
                seen.add(transition.to)
                waiting.append((transition.to, [*symbols, transition.symbol]))
    raise ValueError("no sequence of symbols leads the state machine to an output")


def _satisfying(conditions: tuple[Condition, ...]) -> Mapping[str, int]:
    """For each column of the conditions a value that meets all of them."""
    found = {}
    for column in sorted({condition.column for condition in conditions}):
        mine = [condition for condition in conditions if condition.column == column]
        for value in _candidates(mine):
            if value >= 0 and all(holds(condition, value) for condition in mine):
                found[column] = value
                break
        else:
            raise ValueError(f"no value of column {column} meets all conditions on it")
    return found


def _candidates(conditions: list[Condition]) -> Iterator[int]:
    bounds = [condition.value + step for condition in conditions for step in (0, 1, -1)]
    yield from (0, *bounds)
    # With remainders: a value near a bound whose remainders fit as well.
    periods = [condition.modulo for condition in conditions if condition.modulo is not None]
    for bound, step in product(bounds, range(max(periods, default=0) * 2)):
        yield bound + step
