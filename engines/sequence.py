"""Shapes whose answer depends on the order of a key's events, one event at a time: what a user writes by hand where an
engine has no word for it. State is JSON: numbers, text and lists only.

For the environment of any engine: standard library and `workloads` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from workloads.control import holds
from workloads.query import (
    CHECK,
    CODE,
    ID,
    Aggregate,
    Condition,
    Count,
    Deduplicate,
    Linear,
    Query,
    Running,
    StateMachine,
    Until,
    Windowed,
)

Event: TypeAlias = Mapping[str, Any]
State: TypeAlias = Any
Row: TypeAlias = dict[str, int]
"""A result row without its key."""
Step: TypeAlias = Callable[[State, Event], tuple[State, list[Row]]]
"""From a key's state (None at first) and its next event to the new state and the rows that are due. `event` has passed
the filter and has the derived columns. The state that was given may have been changed in place."""


def passes(conditions: Sequence[Condition], event: Event) -> bool:
    return all(holds(condition, event[condition.column]) for condition in conditions)


def derive(linear: Linear, event: Event) -> int:
    dividend = linear.constant + sum(weight * event[column] for column, weight in linear.weights)
    return int(dividend // linear.divisor)


def prepare(query: Query, event: Event) -> Event | None:
    """The event with the query's derived columns, or None if it does not pass the filter."""
    if not passes(query.where, event):
        return None
    return {**event, **{linear.name: derive(linear, event) for linear in query.derived}} if query.derived else event


def accumulate(aggregates: Sequence[Aggregate], held: list[Any] | None, event: Event) -> list[Any]:
    """Accumulators (one an aggregate) with one more event; None for none yet."""
    if held is None:
        held = [_first(aggregate, event) for aggregate in aggregates]
    else:
        for slot, aggregate in enumerate(aggregates):
            held[slot] = _next(aggregate, held[slot], event)
    return held


def merge(aggregates: Sequence[Aggregate], one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """Accumulators over the events of both."""
    merged: list[Any] = []
    for aggregate, a, b in zip(aggregates, one, other, strict=True):
        match aggregate.function:
            case "count" | "sum":
                merged.append(a + b)
            case "min":
                merged.append(min(a, b))
            case "max":
                merged.append(max(a, b))
            case "distinct":
                merged.append([*a, *(value for value in b if value not in set(a))])
    return merged


def finish(aggregates: Sequence[Aggregate], held: Sequence[Any]) -> Row:
    return {
        aggregate.name: len(value) if aggregate.function == "distinct" else value
        for aggregate, value in zip(aggregates, held, strict=True)
    }


def step(query: Query) -> Step:
    """Raises ValueError if the query's answer does not depend on the order of events."""
    match query.shape:
        case Running(outputs=outputs):
            return _running(outputs)
        case Windowed(window=Count(size=size, slide=slide), outputs=outputs):
            return _counted(outputs, size, slide)
        case Windowed(window=Until(condition=condition), outputs=outputs):
            return _until(outputs, condition)
        case StateMachine() as machine:
            return _machine(machine, query.time)
    raise ValueError(f"{type(query.shape).__name__} needs no order")


def first_of(rule: Deduplicate, time: str) -> Callable[[dict[str, int] | None, Event], tuple[dict[str, int], bool]]:
    """From a key's kept times by value (None at first) and its next event to the new ones, and whether it is kept.

    What cannot come again, since event time has passed it by more than twice the rule's span, is forgotten.
    """

    def keep(kept: dict[str, int] | None, event: Event) -> tuple[dict[str, int], bool]:
        kept = kept or {}
        value, now = "|".join(str(event[column]) for column in rule.columns), event[time]
        if value in kept and now < kept[value] + rule.within_ms:
            return kept, False
        oldest = next(iter(kept), None)
        while oldest is not None and kept[oldest] + 2 * rule.within_ms < now:
            del kept[oldest]
            oldest = next(iter(kept), None)
        kept.pop(value, None)
        kept[value] = now
        return kept, True

    return keep


def _first(aggregate: Aggregate, event: Event) -> Any:
    match aggregate.function:
        case "count":
            return 1
        case "distinct":
            return [event[aggregate.column or ""]]
        case _:
            return event[aggregate.column or ""]


def _next(aggregate: Aggregate, held: Any, event: Event) -> Any:
    if aggregate.function == "count":
        return held + 1
    value = event[aggregate.column or ""]
    match aggregate.function:
        case "sum":
            return held + value
        case "min":
            return min(held, value)
        case "max":
            return max(held, value)
        case _:
            if value not in held:
                held.append(value)
            return held


def _running(outputs: Sequence[Aggregate]) -> Step:
    def step(state: State, event: Event) -> tuple[State, list[Row]]:
        state = accumulate(outputs, state, event)
        return state, [{ID: event[ID], **finish(outputs, state)}]

    return step


def _counted(outputs: Sequence[Aggregate], size: int, slide: int) -> Step:
    """State: how many records came so far, and the open windows, oldest first, as [first, accumulators]."""

    def step(state: State, event: Event) -> tuple[State, list[Row]]:
        number, windows = (0, list[Any]()) if state is None else state
        if number % slide == 0:
            windows.append([event[ID], None])
        for window in windows:
            window[0] = min(window[0], event[ID])
            window[1] = accumulate(outputs, window[1], event)
        number += 1
        rows = []
        if number >= size and (number - size) % slide == 0:
            first, held = windows.pop(0)
            rows.append({"first": first, **finish(outputs, held)})
        return [number, windows], rows

    return step


def _until(outputs: Sequence[Aggregate], condition: Condition) -> Step:
    """State: [first, accumulators] of the open window."""

    def step(state: State, event: Event) -> tuple[State, list[Row]]:
        first, held = state or (event[ID], None)
        first, held = min(first, event[ID]), accumulate(outputs, held, event)
        if not holds(condition, event[condition.column]):
            return [first, held], []
        return None, [{"first": first, **finish(outputs, held)}]

    return step


def _machine(machine: StateMachine, time: str) -> Step:
    """State: [state, id and time of the event that began the match]; None in the initial state."""
    transitions = {(transition.state, transition.symbol): transition for transition in machine.transitions}

    def step(state: State, event: Event) -> tuple[State, list[Row]]:
        if state is not None and event[time] - state[2] > machine.within_ms:
            state = None
        transition = transitions.get((state[0] if state else 0, event[machine.symbol]))
        if transition is None:
            return state, []
        since, began = (state[1], state[2]) if state else (event[ID], event[time])
        rows: list[Row] = []
        if transition.output is not None:
            rows.append({ID: event[ID], CODE: transition.output, "since": since, CHECK: event[CHECK]})
        return ([transition.to, since, began] if transition.to else None), rows

    return step
