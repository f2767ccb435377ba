"""The oracle under hostile names: its rows are those of the same query under plain ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from results.judge import judge
from tests.conformance.examples import COLUMNS, EXAMPLES, stream
from tests.conformance.hostile import FORBIDDEN, NAMES, OF_THE_ORACLE, Renaming, renamings
from tests.conformance.reference import Event
from tests.judge.shapes import Found, Shaped, shaped
from workloads.names import LONGEST, misnamed, numbered
from workloads.oracle import LAST_ID, expected, members
from workloads.query import Aggregate, Column, Join, Joined, Linear, Project, Query, Tumbling, Windowed
from workloads.stream import Events

WINDOWED = EXAMPLES["tumbling"]


def pieces(query: Query, events: list[Event]) -> list[Events]:
    """Two pieces of a stream."""
    integers = [column.name for column in query.columns if column.type == "integer"]
    labels = sorted({event[query.key] for event in events})
    found = []
    for part in (events[: len(events) // 2], events[len(events) // 2 :]):
        columns = {name: np.array([event[name] for event in part], dtype=np.int64) for name in integers}
        keys = np.array([labels.index(event[query.key]) for event in part], dtype=np.int64)
        found.append(Events(columns["id"], columns[query.time], keys, columns, labels))
    return found


def renamed(query: Query, renaming: Renaming, events: list[Event]) -> tuple[Query, list[Events]]:
    new = renaming.query(query)
    return new, pieces(new, [renaming.event(event) for event in events])


@pytest.mark.parametrize("names", [OF_THE_ORACLE, pytest.param(NAMES, marks=pytest.mark.slow)], ids=["ours", "all"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_rows_do_not_depend_on_what_columns_and_fields_are_called(example: str, names: tuple[str, ...]) -> None:
    query, events = EXAMPLES[example], stream(example, 250)
    plain = expected(query, pieces(query, events))
    assert plain.num_rows > 0
    for renaming in renamings(query, names):
        new, given = renamed(query, renaming, events)
        found = expected(new, given)
        assert found.column_names == ["key", *new.identity, *new.fields, LAST_ID]
        assert found.rename_columns(plain.column_names) == plain, renaming


@pytest.mark.parametrize("name", ["start", "end", "back", "START", "End", "bAcK", "window_start", "key", "rank"])
@pytest.mark.parametrize("example", ["tumbling", "sliding", "session", "sliding-top", "count", "join"])
def test_one_column_with_a_name_of_the_oracles_changes_nothing(example: str, name: str) -> None:
    query, events = EXAMPLES[example], stream(example, 250)
    new, given = renamed(query, Renaming({"amount": name}, {}), events)
    plain = expected(query, pieces(query, events))
    assert expected(new, given).rename_columns(plain.column_names) == plain


@pytest.mark.parametrize("example", ["tumbling", "sliding", "session", "running"])
def test_members_are_told_by_their_places(example: str) -> None:
    query, events = EXAMPLES[example], stream(example, 250)
    rows = expected(query, pieces(query, events))
    wanted = rows.select([name for name in ("key", "start", "end") if name in rows.column_names]).slice(0, 5)
    wanted = wanted if "start" in wanted.column_names else pa.table({"key": [0, 1]})
    plain = members(query, pieces(query, events), wanted)
    assert plain.num_rows > 0
    for renaming in renamings(query, ("start", "key", "end", "START", "position", "Key")):
        new, given = renamed(query, renaming, events)
        found = members(new, given, wanted)
        integers = [column.name for column in new.columns if column.type == "integer"]
        assert found.column_names == [*wanted.column_names, *integers]
        assert [column.to_pylist() for column in found.columns] == [column.to_pylist() for column in plain.columns]


def test_numbers_keep_names_apart_and_in_their_order() -> None:
    for query in EXAMPLES.values():
        for renaming in renamings(query):
            plain = numbered(renaming.query(query))
            own = [column.name for column in (*plain.columns, *plain.derived)]
            assert len({name.lower() for name in own}) == len(own)
            assert all(name.isascii() and name.isidentifier() for name in own)
            assert numbered(query).shape.__class__ == plain.shape.__class__
            assert len(plain.fields) == len(query.fields)
            assert plain.identity == query.identity


def test_a_readable_word_stands_behind_each_number() -> None:
    plain = numbered(EXAMPLES["score-window"])
    assert [column.name for column in plain.columns] == [
        "id",
        "check",
        "c2_name",
        "c3_time",
        "c4_kind",
        "c5_item",
        "c6_amount",
    ]
    assert [linear.name for linear in plain.derived] == ["d0_score"]
    assert plain.fields == ("f0_score", "count", "ids", "checks")


@pytest.mark.parametrize("name", NAMES)
def test_all_other_names_are_allowed(name: str) -> None:
    assert misnamed(Renaming({"name": name, "item": "other"}, {"total": f"_{name[1:]}"}).query(WINDOWED)) is None


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_name_that_no_engine_can_take_is_refused_with_the_rule(name: str) -> None:
    asked = (
        replace(WINDOWED, columns=(*COLUMNS, Column(name, "integer"))),
        replace(WINDOWED, derived=(Linear(name, (("amount", 1),)),)),
        replace(WINDOWED, shape=Windowed(Tumbling(1000), (Aggregate(name, "sum", "amount"),))),
        replace(WINDOWED, shape=Join((), (), 0, 0, (Joined(name, "left", "amount"),))),
    )
    for query in asked:
        refusal = misnamed(query)
        assert refusal is not None
        assert f"a name has 1 to {LONGEST} characters" in refusal
        assert refusal.isprintable()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"columns": (*COLUMNS, Column("kind", "integer"))}, "column 'kind' is there twice"),
        ({"derived": (Linear("item", (("kind", 1),)),)}, "column 'item' is there twice"),
        ({"shape": Windowed(Tumbling(1), (Aggregate("start", "min", "id"),))}, "output field 'start' is there twice"),
        ({"shape": Windowed(Tumbling(1), (Aggregate("ids", "min", "id"),))}, "output field 'ids' is there twice"),
        ({"shape": Windowed(Tumbling(1), (Aggregate("key", "min", "id"),))}, "output field 'key' is there twice"),
        ({"shape": Windowed(Tumbling(1), (Aggregate("a", "min", "id"),) * 2)}, "output field 'a' is there twice"),
        ({"shape": Windowed(Tumbling(1), (Aggregate("last_id", "max", "id"),))}, "output field 'last_id' is there"),
        ({"shape": Project(("item", "item"))}, "output field 'item' is there twice"),
        ({"shape": Join((), (), 0, 0, (Joined("left", "left", "item"),))}, "output field 'left' is there twice"),
    ],
)
def test_a_name_that_means_two_things_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(WINDOWED, **changed)


class Renamed(Found):
    """A made-up workload whose columns and fields have other names."""

    def __init__(self, made: Shaped, renaming: Renaming) -> None:
        super().__init__(made)
        self.query = lambda parameters: renaming.query(made.query)
        self.events = lambda *asked: self._renamed(made.made(*asked), renaming)

    def _renamed(self, events: Events, renaming: Renaming) -> Events:
        return replace(events, values={renaming.columns.get(name, name): v for name, v in events.values.items()})


@pytest.mark.parametrize("example", ["tumbling", "sliding-top", "session", "running", "until", "project", "join"])
def test_an_engine_is_judged_the_same_under_any_names(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is lost and one that leaves an event out, too."""
    made = shaped(example)
    spoilt = made.recording()
    query, field = made.query, made.query.fields[-1]
    spoilt.rows[7].value = {**spoilt.rows[7].value, field: spoilt.rows[7].value[field] + 1}
    del spoilt.rows[20]
    for histories, (name, recording) in enumerate({"right": made.recording(), "spoilt": spoilt}.items()):
        monkeypatch.setattr("results.evidence.regenerated.discover", lambda: {"shaped": Found(made)})
        (plain,) = judge(recording.write(tmp_path / name))
        assert plain.outcome == ("pass", "fail")[histories]
        for number, renaming in enumerate(renamings(query, ("start", "end", "key", "START", "back", "count", "id_"))):
            monkeypatch.setattr(
                "results.evidence.regenerated.discover", lambda new=renaming: {"shaped": Renamed(made, new)}
            )
            rows = [replace(row, value=renaming.row(query, row.value)) for row in recording.rows]
            (found,) = judge(replace(recording, rows=rows).write(tmp_path / f"{name}-{number}"))
            assert (found.outcome, found.verdict, found.kinds) == (plain.outcome, plain.verdict, plain.kinds), renaming
            assert [offence.ids for offence in found.offences] == [offence.ids for offence in plain.offences]
            assert all(set(o.expected) <= set(renaming.query(query).fields) for o in found.offences if o.expected)
