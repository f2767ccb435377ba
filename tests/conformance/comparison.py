"""What an engine wrote against what the reference says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from tests.conformance.driver import Outcome
from tests.conformance.reference import Event, Row, rows
from workloads.query import CHECK, ID, Query

_SHOWN = 3


def assert_same_rows(query: Query, events: Sequence[Event], outcome: Outcome) -> None:
    """Each due row is there once, and nothing else is."""
    expected, found = _counted(rows(query, events)), _counted(outcome.rows)
    missing, more = expected - found, found - expected
    assert not outcome.strange, f"records that are no rows: {outcome.strange[:_SHOWN]}"
    assert not missing, _shown("rows are missing or wrong", missing, expected, more)
    assert not more, _shown("rows are there that are not due", more, expected, missing)


def assert_nothing_but_due_rows(query: Query, events: Sequence[Event], outcome: Outcome) -> None:
    """Rows that are there are right and there once; how many are missing is not asked: it may be all of them."""
    expected, found = _counted(rows(query, events)), _counted(outcome.rows)
    more = found - expected
    assert not outcome.strange, f"records that are no rows: {outcome.strange[:_SHOWN]}"
    assert not more, _shown("rows are there that are not due", more, expected, expected - found)


def assert_rows_but_for_late(query: Query, events: Sequence[Event], outcome: Outcome) -> None:
    """Windows hold all of their events that are on time, and any of those that are late; no row is there twice."""
    due, on_time = rows(query, events), rows(query, _on_time(query, events))
    found = {_name(query, row): row for row in outcome.rows}
    assert len(found) == len(outcome.rows), "a row is there twice"
    assert found.keys() <= {_name(query, row) for row in due}
    assert found.keys() >= {_name(query, row) for row in on_time}
    least = {_name(query, row): row for row in on_time}
    late = [event for event in events if event not in _on_time(query, events)]
    for name, row in found.items():
        key, start, end = name
        mine = [e for e in late if e[query.key] == key and start <= e[query.time] < end]
        rest = [row[field] - least.get(name, dict.fromkeys(row, 0))[field] for field in ("count", "ids", "checks")]
        sums = (
            [len(some), sum(e[ID] for e in some), sum(e[CHECK] for e in some)]
            for size in range(len(mine) + 1)
            for some in combinations(mine, size)
        )
        assert rest in sums, f"{name}: {rest} is no sum of some of its late events {mine}"


def _on_time(query: Query, events: Sequence[Event]) -> list[Event]:
    """Events that are not further behind the largest time before them than the watermark delay."""
    found, latest = [], 0
    for event in events:
        latest = max(latest, event[query.time])
        if latest - event[query.time] <= query.watermark_delay_ms:
            found.append(event)
    return found


def _name(query: Query, row: Row) -> tuple[str, int, int]:
    return row["key"], row["start"], row["end"]


def _counted(found: Sequence[Row]) -> Counter[tuple[tuple[str, object], ...]]:
    return Counter(tuple(sorted(row.items())) for row in found)


def _shown(what: str, rows: Counter, expected: Counter, others: Counter) -> str:
    def first(some: Counter) -> list[dict[str, object]]:
        return [dict(row) for row in sorted(some, key=str)[:_SHOWN]]

    return f"{rows.total()} {what} of {expected.total()} due: {first(rows)}; on the other side {first(others)}"
