"""A small query of each shape, and streams made for them; what engines are built and checked against first."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.conformance.reference import Event
from workloads.query import (
    Aggregate,
    Column,
    Condition,
    Count,
    Deduplicate,
    Join,
    Joined,
    Linear,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    StateMachine,
    Top,
    Transition,
    Tumbling,
    Until,
    Windowed,
)

COLUMNS = (
    Column("id", "integer"),
    Column("check", "integer"),
    Column("name", "text"),
    Column("time", "integer"),
    Column("kind", "integer"),
    Column("item", "integer"),
    Column("amount", "integer"),
)
AGGREGATES = (
    Aggregate("total", "sum", "amount"),
    Aggregate("least", "min", "amount"),
    Aggregate("most", "max", "amount"),
    Aggregate("items", "distinct", "item"),
)
PLAIN = (*AGGREGATES[:3],)


def _query(shape, **more) -> Query:
    return Query(columns=COLUMNS, time="time", key="name", shape=shape, watermark_delay_ms=1500, **more)


_FILTER = (Condition("amount", ">=", 100), Condition("item", "!=", 1, modulo=3))
_SCORE = Linear("score", (("amount", 3), ("kind", -50)), constant=1000, divisor=7)

EXAMPLES: dict[str, Query] = {
    "tumbling": _query(Windowed(Tumbling(1000), PLAIN)),
    "tumbling-distinct": _query(Windowed(Tumbling(2000), AGGREGATES)),
    "sliding": _query(Windowed(Sliding(4000, 1000), PLAIN)),
    "filtered-sliding-distinct": _query(Windowed(Sliding(4000, 2000), AGGREGATES), where=_FILTER),
    "session": _query(Windowed(Session(200), PLAIN)),
    "top": _query(Windowed(Tumbling(4000), (Aggregate("total", "sum", "amount"),), Top(3, "item", "count"))),
    "sliding-top": _query(Windowed(Sliding(4000, 2000), (Aggregate("most", "max", "amount"),), Top(2, "item", "most"))),
    "project": _query(Project(("time", "amount", "score")), where=_FILTER, derived=(_SCORE,)),
    "score-window": _query(Windowed(Tumbling(2000), (Aggregate("score", "sum", "score"),)), derived=(_SCORE,)),
    "count": _query(Windowed(Count(5, 5), AGGREGATES)),
    "sliding-count": _query(Windowed(Count(6, 2), PLAIN)),
    "until": _query(Windowed(Until(Condition("kind", "=", 2)), PLAIN)),
    "running": _query(Running(PLAIN)),
    "deduplicate": _query(Project(("amount",)), deduplicate=Deduplicate(("item",), 1500)),
    "deduplicate-running": _query(Running(PLAIN[:1]), deduplicate=Deduplicate(("item",), 1500)),
    "join": _query(
        Join(
            (Condition("kind", "=", 0),),
            (Condition("kind", "=", 1),),
            -300,
            800,
            (Joined("asked", "left", "amount"), Joined("item", "right", "item")),
        )
    ),
    "machine": _query(
        StateMachine(
            "kind",
            (
                Transition(0, 0, 1),
                Transition(1, 1, 2),
                Transition(1, 2, 0),
                Transition(2, 2, 0, 7),
                Transition(2, 0, 1, 8),
            ),
            2500,
        )
    ),
}


def stream(name: str, count: int = 3000, seed: int = 1, keys: int = 12) -> list[Event]:
    """Events for the example: 300 a second of event time, out of order by up to 500 ms unless order matters."""
    query = EXAMPLES[name]
    return list(_events(query, count, random.Random(f"{name}{seed}"), keys))


def _events(query: Query, count: int, chance: random.Random, keys: int) -> Iterator[Event]:
    base_ms = (time.time_ns() // 1_000_000 // 60_000 - 2) * 60_000
    repeats: list[tuple[int, Event]] = []
    item = 0
    for number in range(count):
        due_ms = base_ms + number * 10 // 3
        identity = {"id": number, "check": chance.randrange(2**31)}
        if repeats and repeats[0][0] <= number:
            yield {**repeats.pop(0)[1], **identity}
            continue
        item += 1
        late_ms = 0 if query.ordered or query.deduplicate else min(chance.randrange(501), due_ms - base_ms)
        event = {
            **identity,
            "name": f"k{int(keys * chance.random() ** 2)}",
            "time": due_ms - late_ms,
            "kind": chance.randrange(3),
            "item": item if query.deduplicate else chance.randrange(8),
            "amount": chance.randrange(1000),
        }
        if query.deduplicate and chance.random() < 0.2:
            repeats.append((number + chance.randrange(1, 150), event))
            repeats.sort(key=lambda repeat: repeat[0])
        yield event
