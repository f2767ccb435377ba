"""The kafka-python engine's operators, one partition and no broker, against the plain Python reference: every shape."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from engines.kafka_client.changelog import COMMIT, Record, Restoration, State, entry, tombstone
from engines.kafka_client.deadlines import Deadlines
from engines.kafka_client.journal import Journal
from engines.kafka_client.partition import Partition
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.reference import rows
from tests.conformance.streams import odd
from workloads.control import heartbeat
from workloads.query import CHECK, ID, Query

pytestmark = pytest.mark.slow

COUNT = 1_200
CLOSE = "~close"
FOR_EVER = {"count", "sliding-count", "until", "running", "deduplicate-running"}
"""Examples whose state of a key is needed for as long as an event of the key may come."""


@dataclass(frozen=True)
class Input:
    offset: int
    value: bytes
    partition: int = 0


def close(query: Query, number: int, at: int) -> dict[str, object]:
    fields: dict[str, object] = {column.name: 0 for column in query.columns}
    fields |= heartbeat(query).values
    return fields | {query.key: CLOSE, query.time: at, ID: number, CHECK: 1, **({"item": number} if number else {})}


def log_of(query: Query, events: Sequence[dict]) -> list[Input]:
    """The events, and then three that close all windows one after another."""
    last = max(event[query.time] for event in events)
    ends = [close(query, len(events) * 3 + number * 3, last + number * 60_000) for number in (1, 2, 3)]
    return [Input(offset, json.dumps(event).encode()) for offset, event in enumerate([*events, *ends])]


def expected(query: Query, events: Sequence[dict]) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True) for row in rows(query, events))


def answered(partition: Partition, batch: Sequence[Input]) -> list[str]:
    """The rows of the stream's own keys."""
    made = [(key, json.loads(value)) for key, value in partition.process(batch)]
    assert all(key == row["key"].encode() for key, row in made)
    return [json.dumps(row, sort_keys=True) for _, row in made if row["key"] != CLOSE]


def restored(changelog: Sequence[Record]) -> State:
    restoration = Restoration()
    for key, value in changelog:
        restoration.take(key, value)
    return restoration.state()


def compacted(changelog: Sequence[Record]) -> list[Record]:
    """The last record of each key, as the broker leaves it."""
    last = {key: number for number, (key, _) in enumerate(changelog)}
    return [one for number, one in enumerate(changelog) if last[one[0]] == number and one[1] is not None]


def run_in_transactions(query: Query, log: Sequence[Input], chance: random.Random) -> tuple[Counter[str], list[Record]]:
    """Rows and changelog where both are committed together, through crashes before many of the commits."""
    changelog: list[Record] = []
    delivered: Counter[str] = Counter()
    while (state := restored(changelog)).offset != len(log):
        partition = Partition(query, state)
        position = state.offset or 0
        for _ in range(chance.randrange(1, 5)):
            batch = log[position : position + chance.randrange(1, 90)]
            position += len(batch)
            uncommitted = answered(partition, batch)
            if chance.random() < 0.2:
                break
            delivered.update(uncommitted)
            changelog += partition.changes()
            if chance.random() < 0.2:
                changelog = compacted(changelog)
    return delivered, changelog


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_row_is_the_references_one(example):
    query, events = EXAMPLES[example], stream(example, COUNT)
    due = expected(query, events)
    assert due
    assert Counter(answered(Partition(query, State()), log_of(query, events))) == due


@pytest.mark.parametrize("example", EXAMPLES)
def test_odd_keys_and_times_are_no_different(example):
    query, events = EXAMPLES[example], odd(example)
    assert Counter(answered(Partition(query, State()), log_of(query, events))) == expected(query, events)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("example", EXAMPLES)
def test_where_rows_and_changelog_are_committed_together_each_row_comes_once(example, seed):
    query, events = EXAMPLES[example], stream(example, COUNT, seed)
    delivered, _ = run_in_transactions(query, log_of(query, events), random.Random(seed))
    assert delivered == expected(query, events)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("example", EXAMPLES)
def test_after_any_crashes_rows_are_missing_nowhere_and_never_differ(example, seed):
    """At-least-once: workers die at random, some of them in the middle of writing the changelog."""
    query, events, chance = EXAMPLES[example], stream(example, COUNT, seed), random.Random(seed)
    log = log_of(query, events)
    changelog: list[Record] = []
    delivered: Counter[str] = Counter()
    crashes = 0
    while True:
        state = restored(changelog)
        partition, position = Partition(query, state), state.offset or 0
        for _ in range(chance.randrange(1, 6)):
            batch = log[position : position + chance.randrange(1, 60)]
            position += len(batch)
            delivered.update(answered(partition, batch))
            if chance.random() < 0.5:
                changelog += partition.changes()
        if position == len(log):
            break
        batch = log[position : position + chance.randrange(1, 60)]
        delivered.update(answered(partition, batch))
        torn = partition.changes()
        changelog += torn[: chance.randrange(len(torn))]
        crashes += 1
    assert crashes > 3
    assert set(delivered) == set(expected(query, events))


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_over_is_forgotten(example):
    """The changelog ends up with what the closing events need, and with the keys that may yet come."""
    query, events = EXAMPLES[example], stream(example, COUNT)
    log = log_of(query, events)
    _, changelog = run_in_transactions(query, log[:-3], random.Random(example))
    assert compacted(changelog)[:-1] or example == "project"
    partition = Partition(query, restored(changelog))
    for closing in log[-3:]:
        partition.process([closing])
        changelog += partition.changes()
    left = [json.loads(key) for key, _ in compacted(changelog) if key != COMMIT]
    keys = {event[query.key] for event in events}
    kept = {part for name in left for part in name if part in keys}
    if example in FOR_EVER:
        assert kept and kept <= keys
    else:
        assert not kept, left


def event(number: int, at: int, **more: int) -> Input:
    fields = {"id": number, "check": 1, "name": "k", "time": at, "kind": 0, "item": 0, "amount": 0}
    return Input(number, json.dumps(fields | more).encode())


def fields(made: Sequence[tuple[bytes, bytes]], *names: str) -> list[tuple[int, ...]]:
    return [tuple(json.loads(value)[name] for name in names) for _, value in made]


@pytest.mark.parametrize(("apart", "joined"), [(-301, False), (-300, True), (0, True), (800, True), (801, False)])
@pytest.mark.parametrize("left_first", [True, False])
def test_a_pair_is_joined_up_to_the_very_bounds(apart, joined, left_first):
    """The left one at a second's beginning and one ms on either side: spans begin there."""
    for at in (9_999, 10_000, 10_001, 10_300, 9_200):
        pair = [event(0, at, kind=0), event(1, at + apart, kind=1)]
        partition = Partition(EXAMPLES["join"], State())
        made = partition.process(pair if left_first else pair[::-1])
        assert fields(made, "left", "right") == ([(0, 1)] if joined else [])


def test_a_waiting_event_is_joined_as_long_as_an_event_on_time_may_need_it():
    """The right one comes as late as the watermark allows; the left one is then just within the bound."""
    delay = EXAMPLES["join"].watermark_delay_ms
    log = [event(0, 10_000, kind=0), event(1, 10_800 + delay, kind=2), event(2, 10_800, kind=1)]
    assert fields(Partition(EXAMPLES["join"], State()).process(log), "left", "right") == [(0, 2)]


@pytest.mark.parametrize(("apart", "again"), [(1, False), (1_499, False), (1_500, True), (1_501, True)])
def test_an_equal_event_goes_on_again_once_the_span_is_over(apart, again):
    made = Partition(EXAMPLES["deduplicate"], State()).process([event(0, 10_000), event(1, 10_000 + apart)])
    assert fields(made, "id") == ([(0,), (1,)] if again else [(0,)])


def test_an_event_whose_own_session_would_be_over_is_late_unless_it_joins_an_open_one():
    query = EXAMPLES["session"]
    latest = 10_000 + query.watermark_delay_ms  # sessions that end by 10,000 are over
    partition = Partition(query, State())
    partition.process([event(0, latest), event(1, 9_800)])
    assert partition.counters()["late"] == 1
    partition.process([event(2, 9_801), event(3, 9_602)])
    assert partition.counters()["late"] == 0
    assert fields(partition.process([event(4, 90_000)]), "start", "end", "count") == [
        (9_602, 10_001, 2),
        (latest, latest + 200, 1),
    ]


def test_a_sliding_windows_late_event_counts_where_a_window_is_still_open():
    query = EXAMPLES["sliding"]  # 4 s, every 1 s
    partition = Partition(query, State())
    partition.process([event(0, 9_000 + query.watermark_delay_ms)])
    partition.process([event(1, 6_000), event(2, 5_999)])
    assert partition.counters()["late"] == 1
    made = fields(partition.process([event(3, 99_000)]), "start", "end", "ids", "count")
    assert made[:2] == [(6_000, 10_000, 1, 1), (7_000, 11_000, 0, 1)]


def test_an_ended_entry_is_told_once_and_removed_with_the_next_commit():
    journal = Journal("table")
    journal.create(("a",))
    assert journal.records(1, lambda _: [7]) == [entry("table", ("a",), 1, [7])]
    journal.end(("a",))
    assert journal.records(2, lambda _: [7]) == [entry("table", ("a",), 2, None)]
    assert journal.records(3, lambda _: [7]) == [tombstone("table", ("a",))]
    assert journal.records(4, lambda _: [7]) == []


@pytest.mark.parametrize("leave", [Journal.end, Journal.expire])
def test_an_entry_that_comes_again_is_not_removed(leave):
    for commits_between in (0, 1):
        journal = Journal("table")
        journal.create(("a",))
        journal.records(1, lambda _: [7])
        leave(journal, ("a",))
        for _ in range(commits_between):
            journal.records(2, lambda _: [7])
        journal.create(("a",))
        assert journal.records(3, lambda _: [8]) == [entry("table", ("a",), 3, [8])]
        assert journal.records(4, lambda _: [8]) == []


def test_what_comes_and_goes_between_two_commits_is_not_written_at_all():
    journal = Journal("table")
    journal.create(("a",))
    journal.change(("a",))
    journal.end(("a",))
    assert journal.records(1, lambda _: [7]) == []
    assert journal.records(2, lambda _: [7]) == []


def test_a_deadline_is_due_once_at_its_earliest_time():
    deadlines = Deadlines()
    for name, at in (("a", 50), ("b", 20), ("a", 30), ("a", 40)):
        deadlines.schedule((name,), at)
    assert list(deadlines.due(19)) == []
    assert list(deadlines.due(30)) == [("b",), ("a",)]
    assert list(deadlines.due(1_000)) == []
    deadlines.schedule(("a",), 60)
    assert list(deadlines.due(60)) == [("a",)]
