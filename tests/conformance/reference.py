"""The query in plain Python, event by event: the meaning that `workloads.query` gives in words, and a second opinion on
the oracle. Written to be read, not to be fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from workloads.query import (
    CHECK,
    CODE,
    ID,
    Aggregate,
    Condition,
    Count,
    Join,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    StateMachine,
    Top,
    Tumbling,
    Until,
    Windowed,
)

Event = Mapping[str, Any]
"""Values by column."""
Row = dict[str, Any]


def rows(query: Query, events: Iterable[Event]) -> list[Row]:
    """Every row that is due for these events, once all windows are closed; sorted by key and identity.

    Events of one key must be in the log's order; how keys are mixed does not matter.
    """
    found: list[Row] = []
    by_key: dict[str, list[Event]] = {}
    for event in events:
        by_key.setdefault(event[query.key], []).append(event)
    for key, mine in by_key.items():
        found += [{"key": key, **row} for row in _answer(query, list(_prepared(query, mine)))]
    return sorted(found, key=lambda row: (row["key"], *(row[name] for name in query.identity)))


def _prepared(query: Query, events: Iterable[Event]) -> Iterator[Event]:
    """One key's events that pass the filter, with derived columns, without what repeats."""
    kept: dict[tuple[int, ...], int] = {}
    for event in events:
        if not all(_holds(condition, event) for condition in query.where):
            continue
        if query.deduplicate:
            value = tuple(event[column] for column in query.deduplicate.columns)
            if value in kept and event[query.time] < kept[value] + query.deduplicate.within_ms:
                continue
            kept[value] = event[query.time]
        derived = {}
        for linear in query.derived:
            dividend = sum(weight * event[column] for column, weight in linear.weights) + linear.constant
            assert dividend >= 0
            derived[linear.name] = dividend // linear.divisor
        yield {**event, **derived}


def _holds(condition: Condition, event: Event) -> bool:
    value = event[condition.column] % condition.modulo if condition.modulo else event[condition.column]
    return {
        "=": value == condition.value,
        "!=": value != condition.value,
        "<": value < condition.value,
        "<=": value <= condition.value,
        ">": value > condition.value,
        ">=": value >= condition.value,
    }[condition.comparator]


def _answer(query: Query, events: list[Event]) -> Iterator[Row]:
    match query.shape:
        case Project(fields=fields):
            for event in events:
                yield {name: event[name] for name in (ID, *fields, CHECK)}
        case Running(outputs=outputs):
            for number, event in enumerate(events, 1):
                yield {ID: event[ID], **_aggregates(outputs, events[:number])}
        case Windowed(window=Count(size=size, slide=slide), outputs=outputs):
            for start in range(0, len(events) - size + 1, slide):
                yield _by_first(outputs, events[start : start + size])
        case Windowed(window=Until(condition=condition), outputs=outputs):
            window: list[Event] = []
            for event in events:
                window.append(event)
                if _holds(condition, event):
                    yield _by_first(outputs, window)
                    window = []
        case Windowed(top=top, outputs=outputs):
            for start, end, members in _time_windows(query, events):
                bounds = {"start": start, "end": end}
                if top is None:
                    yield {**bounds, **_aggregates(outputs, members)}
                else:
                    yield from ({**bounds, **row} for row in _top(top, outputs, members))
        case Join() as join:
            left = [event for event in events if all(_holds(condition, event) for condition in join.left)]
            right = [event for event in events if all(_holds(condition, event) for condition in join.right)]
            for one in left:
                for other in right:
                    if join.lower_ms <= other[query.time] - one[query.time] <= join.upper_ms:
                        sides = {"left": one, "right": other}
                        fields = {field.name: sides[field.side][field.column] for field in join.fields}
                        ids = {name: event[ID] for name, event in sides.items()}
                        yield {**ids, **fields, "checks": one[CHECK] + other[CHECK]}
        case StateMachine() as machine:
            yield from _matches(machine, query.time, events)


def _time_windows(query: Query, events: list[Event]) -> Iterator[tuple[int, int, list[Event]]]:
    assert isinstance(query.shape, Windowed)
    match query.shape.window:
        case Tumbling(size_ms=size):
            yield from _grid(query.time, events, size, size)
        case Sliding(size_ms=size, slide_ms=slide):
            yield from _grid(query.time, events, size, slide)
        case Session(gap_ms=gap):
            session: list[Event] = []
            for event in sorted(events, key=lambda event: event[query.time]):
                if session and event[query.time] - session[-1][query.time] >= gap:
                    yield session[0][query.time], session[-1][query.time] + gap, session
                    session = []
                session.append(event)
            if session:
                yield session[0][query.time], session[-1][query.time] + gap, session


def _grid(time: str, events: list[Event], size: int, slide: int) -> Iterator[tuple[int, int, list[Event]]]:
    starts = {
        start
        for event in events
        for start in range(event[time] // slide * slide - size + slide, event[time] // slide * slide + 1, slide)
    }
    for start in starts:
        yield start, start + size, [event for event in events if start <= event[time] < start + size]


def _by_first(outputs: Sequence[Aggregate], members: list[Event]) -> Row:
    return {"first": min(event[ID] for event in members), **_aggregates(outputs, members)}


def _top(top: Top, outputs: Sequence[Aggregate], members: list[Event]) -> Iterator[Row]:
    items = {event[top.item] for event in members}
    found = [{"item": item, **_aggregates(outputs, [e for e in members if e[top.item] == item])} for item in items]
    ranked = sorted(found, key=lambda row: (-row[top.by], row["item"]))
    for rank, row in enumerate(ranked[: top.n], 1):
        yield {"rank": rank, **row}


def _aggregates(outputs: Sequence[Aggregate], members: Sequence[Event]) -> Row:
    return {output.name: _aggregate(output, members) for output in outputs}


def _aggregate(output: Aggregate, members: Sequence[Event]) -> int:
    values = [event[output.column] for event in members] if output.column else []
    match output.function:
        case "count":
            return len(members)
        case "sum":
            return sum(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "distinct":
            return len(set(values))


def _matches(machine: StateMachine, time: str, events: Iterable[Event]) -> Iterator[Row]:
    transitions = {(transition.state, transition.symbol): transition for transition in machine.transitions}
    state, since, began = 0, 0, 0
    for event in events:
        if state and event[time] - began > machine.within_ms:
            state = 0
        transition = transitions.get((state, event[machine.symbol]))
        if transition is None:
            continue
        if not state:
            since, began = event[ID], event[time]
        if transition.output is not None:
            yield {ID: event[ID], CODE: transition.output, "since": since, CHECK: event[CHECK]}
        state = transition.to
