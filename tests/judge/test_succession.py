"""Running totals that count some events again, worked out by hand: what a failure added stays in every later row."""

from __future__ import annotations

import numpy as np

from results.verdict.succession import KeyRow, explain_running
from workloads.query import Aggregate, Column, Query, Running

QUERY = Query(
    columns=tuple(Column(name, "text" if name == "key" else "integer") for name in ("id", "check", "key", "time", "n")),
    time="time",
    key="key",
    shape=Running((Aggregate("total", "sum", "n"), Aggregate("most", "max", "n"))),
    watermark_delay_ms=0,
)
IDS = np.arange(10) * 7 + 3
EVENTS = {"id": IDS, "check": IDS * IDS % 101, "n": np.arange(10) % 4, "time": np.arange(10)}


def row(number: int, place: int, extra: list[int], lost: tuple[int, ...] = (), **changed: int) -> KeyRow:
    """The key's row for the event at a place, which counts the places in extra once more, and lost ones not at all."""

    def totals(places: list[int]) -> dict[str, int]:
        mine = {name: column[places] for name, column in EVENTS.items()}
        return {
            "total": int(mine["n"].sum()),
            "most": int(mine["n"].max()),
            "count": len(places),
            "ids": int(mine["id"].sum()),
            "checks": int(mine["check"].sum()),
        }

    kept = [number for number in range(place + 1) if number not in lost]
    due, found = totals([*range(place + 1)]), totals([*kept, *extra]) | changed
    return KeyRow(number, int(IDS[place]), found, due, right=found == due, again=False)


def kinds(*answers: KeyRow) -> list[str]:
    return [explanation.kind for _, explanation in explain_running(QUERY, EVENTS, list(answers))]


def test_a_replay_into_a_state_that_held_later_events_is_a_double_count_of_just_these():
    # The state held the events up to place 5 as the log was replayed from place 2.
    answers = [row(number, place, [2, 3, 4, 5]) for number, place in enumerate((2, 3, 4, 5, 6, 7))]
    explained = dict(explain_running(QUERY, EVENTS, answers))
    assert {explanation.kind for explanation in explained.values()} == {"double count"}
    assert {explanation.ids for explanation in explained.values()} == {tuple(IDS[2:6].tolist())}


def test_a_second_replay_adds_to_what_the_first_one_left():
    first = [row(number, place, [2, 3]) for number, place in enumerate((2, 3, 4))]
    second = [row(3 + number, place, [2, 3, 5, 6, 7]) for number, place in enumerate((5, 6, 7, 8))]
    assert kinds(*first, *second) == ["double count"] * 7


def test_what_a_failure_lost_stays_lost_and_a_later_one_loses_more():
    first = [row(number, place, [], (1, 2)) for number, place in enumerate((3, 4))]
    second = [row(2 + number, place, [], (1, 2, 5, 6)) for number, place in enumerate((7, 8))]
    third = [row(4, 9, [], (1, 2, 5, 6, 8))]
    assert kinds(*first, *second, *third) == ["loss"] * 5


def test_a_row_that_no_replay_explains_stays_broken_and_excuses_none_after_it():
    broken = row(1, 4, [2, 3], ids=5)
    assert kinds(row(0, 3, [2, 3]), broken, row(2, 5, [2, 3])) == ["double count", "broken audit", "double count"]


def test_a_double_count_whose_other_aggregates_disagree_is_none():
    assert kinds(row(0, 3, [2, 3]), row(1, 4, [2, 3], most=99)) == ["double count", "broken audit"]
