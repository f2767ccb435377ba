"""The oracle's rows, worked out by hand from a few events of each shape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.judge.test_oracle_against_python import ODD, pieces, query_of
from workloads.oracle import expected
from workloads.query import (
    Aggregate,
    Condition,
    Count,
    Deduplicate,
    Join,
    Joined,
    Linear,
    Project,
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

ROOT = Path(__file__).parents[2]
SUM = (Aggregate("sum", "sum", ODD),)
STEPS = (Transition(0, 1, 1), Transition(1, 2, 0, 9))
PAIRS = ((Condition("kind", "=", 0),), (Condition("kind", "=", 1),))

# Events as (at, kind, value); their ids are 10, 11, 12 ..., their checks 1, 2, 4 ....
CASES: dict[str, tuple[Any, dict[str, Any], list[tuple[int, int, int]], list[tuple[int, ...]]]] = {
    # start, end, sum, count, ids, checks, last_id
    "a tumbling window ends before its end": (
        Windowed(Tumbling(10), SUM),
        {},
        [(0, 0, 5), (9, 0, 6), (10, 0, 7)],
        [(0, 10, 11, 2, 21, 3, 11), (10, 20, 7, 1, 12, 4, 12)],
    ),
    "an event is in each of the sliding windows over it": (
        Windowed(Sliding(4, 2), SUM),
        {},
        [(5, 0, 1), (6, 0, 2)],
        [(2, 6, 1, 1, 10, 1, 10), (4, 8, 3, 2, 21, 3, 11), (6, 10, 2, 1, 11, 2, 11)],
    ),
    "a session ends where the gap is reached, whatever the order": (
        Windowed(Session(5), SUM),
        {},
        [(7, 0, 1), (3, 0, 2), (12, 0, 4), (16, 0, 8)],
        [(3, 12, 3, 2, 21, 3, 11), (12, 21, 12, 2, 25, 12, 13)],
    ),
    # start, end, rank, item, sum, count, ids, checks, last_id of the window
    "of equal items the smaller is first, and the rest is left out": (
        Windowed(Tumbling(10), SUM, Top(2, "kind", "sum")),
        {},
        [(0, 3, 4), (1, 2, 4), (2, 1, 3), (3, 1, 0)],
        [(0, 10, 1, 2, 4, 1, 11, 2, 13), (0, 10, 2, 3, 4, 1, 10, 1, 13)],
    ),
    # first, sum, count, ids, checks, last_id
    "only full windows of records count": (
        Windowed(Count(2, 2), SUM),
        {},
        [(0, 0, 1), (0, 0, 2), (5, 0, 4), (5, 0, 8), (6, 0, 16)],
        [(10, 3, 2, 21, 3, 11), (12, 12, 2, 25, 12, 13)],
    ),
    "windows of records slide by records": (
        Windowed(Count(2, 1), SUM),
        {},
        [(0, 0, 1), (0, 0, 2), (5, 0, 4)],
        [(10, 3, 2, 21, 3, 11), (11, 6, 2, 23, 6, 12)],
    ),
    "a window by condition ends with the event that meets it": (
        Windowed(Until(Condition("kind", "=", 1)), SUM),
        {},
        [(0, 0, 1), (1, 1, 2), (2, 1, 4), (3, 0, 8)],
        [(10, 3, 2, 21, 3, 11), (12, 4, 1, 12, 4, 12)],
    ),
    # id, sum, several, count, ids, checks, last_id
    "running aggregates have the event itself": (
        Running((*SUM, Aggregate("several", "distinct", "kind"))),
        {},
        [(0, 0, 1), (1, 3, 2), (2, 0, 4)],
        [(10, 1, 1, 1, 10, 1, 10), (11, 3, 2, 2, 21, 3, 11), (12, 7, 2, 3, 33, 7, 12)],
    ),
    # id, score, check, last_id
    "a filter, and a score rounded down": (
        Project(("score",)),
        {"where": (Condition(ODD, ">", 1),), "derived": (Linear("score", ((ODD, 3), ("kind", -1)), 2, 4),)},
        [(0, 0, 1), (1, 1, 2), (2, 2, 3)],
        [(11, 1, 2, 11), (12, 2, 4, 12)],
    ),
    "of equal events only the first goes on": (
        Project(("at",)),
        {"deduplicate": Deduplicate((ODD,), 5)},
        [(3, 0, 1), (4, 0, 2), (7, 0, 1), (5, 0, 2)],
        [(10, 3, 1, 10), (11, 4, 2, 11)],
    ),
    # left, right, two fields, checks, last_id
    "both bounds of a join are inside, and the right event may come first": (
        Join(*PAIRS, -2, 3, (Joined("asked", "left", "at"), Joined("given", "right", ODD))),
        {},
        [(8, 1, 7), (10, 0, 0), (13, 1, 8), (14, 1, 9), (7, 1, 6)],
        [(11, 10, 10, 7, 3, 11), (11, 12, 10, 8, 6, 12)],
    ),
    # id, output, since, check, last_id
    "a match is over after its time, and not at it": (
        StateMachine("kind", STEPS, 5),
        {},
        [(0, 1, 0), (5, 2, 0), (6, 1, 0), (12, 2, 0), (13, 1, 0), (14, 3, 0), (15, 2, 0)],
        [(11, 9, 10, 2, 11), (16, 9, 14, 64, 16)],
    ),
    "an event after its time may begin the next match": (
        StateMachine("kind", (*STEPS, Transition(1, 1, 1, 8)), 5),
        {},
        [(0, 1, 0), (4, 1, 0), (6, 1, 0), (9, 2, 0)],
        [(11, 8, 10, 2, 11), (13, 9, 12, 8, 13)],
    ),
    "an output at once is since its own event": (
        StateMachine("kind", (Transition(0, 4, 0, 3),), 5),
        {},
        [(0, 4, 0), (9, 4, 0)],
        [(10, 3, 10, 1, 10), (11, 3, 11, 2, 11)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_rows_are_those_worked_out_by_hand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, before, drawn, due = CASES[name]
    monkeypatch.setattr("workloads.stream.checks", lambda ids: 1 << (ids - 10))
    query = query_of(shape, **before)
    events = [
        {"id": number, "check": 0, "at": at, "group": "b", "kind": kind, ODD: value}
        for number, (at, kind, value) in enumerate(drawn, 10)
    ]
    # Another key has the same events, in pieces between them; nothing of one gets into the other.
    mixed = [event | {"group": group} for event in events for group in ("b", "a")]
    found = expected(query, pieces(query, mixed, 3)).to_pylist()
    for key in (0, 1):
        assert [tuple(row.values())[1:] for row in found if row["key"] == key] == due
    assert len(found) == 2 * len(due)


def test_the_oracle_draws_no_progress_bar_where_nobody_asked_for_one() -> None:
    asked = """SELECT current_setting('enable_progress_bar')"""
    code = (
        "from workloads.oracle import _database\n"
        f"with _database(1) as database: print(database.sql({asked!r}).fetchall())"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "[(False,)]\n"
