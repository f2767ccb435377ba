"""The format between trial and judge: what is written is read back, and damage is named, never guessed around."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from results.history import (
    INPUT,
    TABLES,
    Committed,
    DamagedHistory,
    Ended,
    EngineReady,
    Failed,
    History,
    MarkWriter,
    TableWriter,
)
from tests.judge.recording import perfect

INPUT_ROWS = {"partition": [0, 1], "offset": [5, 6], "time_ms": [7, 8], "id": [9, 10], "check": [11, 12]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "trial.json").write_text(perfect().plan.model_dump_json())
    return tmp_path


def test_marks_are_read_back_as_written_and_in_order(folder):
    marks = [
        EngineReady(at_ns=1, settings={"a": "b"}, startup_s=0.5),
        Committed(at_ns=2, phase="drain-1"),
        Failed(at_ns=3, phase="drain-1", what="it\nbroke", where="log"),
        Ended(at_ns=4),
    ]
    writer = MarkWriter(folder)
    for mark in marks:
        writer.write(mark)
    writer.close()
    history = History(folder)
    assert history.marks == marks
    assert history.of(Committed) == [marks[1]]


def test_marks_are_there_before_the_writer_ends(folder):
    writer = MarkWriter(folder)
    writer.write(Ended(at_ns=4))
    assert History(folder).marks == [Ended(at_ns=4)]
    writer.close()


def test_a_line_that_a_dying_writer_cut_off_is_left_out(folder):
    (folder / "marks.jsonl").write_text(Ended(at_ns=4).model_dump_json() + '\n{"mark":"ended","at_')
    assert History(folder).marks == [Ended(at_ns=4)]


@pytest.mark.parametrize(
    "line", ["[]", '{"mark":"ended"}', '{"mark":"nonsense","at_ns":1}', '{"mark":"ended","at_ns":1,"more":2}', "\xff"]
)
def test_a_line_that_is_no_mark_is_named(folder, line):
    good = Ended(at_ns=4).model_dump_json()
    (folder / "marks.jsonl").write_bytes(f"{good}\n{line}\n{good}\n".encode("latin-1"))
    with pytest.raises(DamagedHistory, match="line 2") as damage:
        History(folder)
    assert damage.value.where == folder / "marks.jsonl"


def test_a_missing_plan_is_named(tmp_path):
    with pytest.raises(DamagedHistory, match="there is no trial"):
        History(tmp_path)


def test_a_plan_that_is_a_folder_is_named(tmp_path):
    (tmp_path / "trial.json").mkdir()
    with pytest.raises(DamagedHistory, match="cannot be read"):
        History(tmp_path)


@pytest.mark.parametrize("change", [{"seed": "many"}, {"event_rate": 0}, {"surprise": 1}, {"schema_version": 2}])
def test_a_plan_with_a_wrong_field_is_named(folder, change):
    plan = json.loads((folder / "trial.json").read_text()) | change
    (folder / "trial.json").write_text(json.dumps(plan))
    with pytest.raises(DamagedHistory, match=next(iter(change))):
        History(folder)


def test_a_table_is_the_parts_of_all_its_writers(folder):
    for name in ("one", "two"):
        writer = TableWriter(folder, "input", name)
        writer.write(INPUT_ROWS)
        writer.write({column: [] for column in INPUT_ROWS})
        writer.write(INPUT_ROWS)
    assert sorted(part.name for part in (folder / "input").iterdir()) == [
        f"{name}-0000{number}.parquet" for name in ("one", "two") for number in (0, 1)
    ]
    table = History(folder).table("input")
    assert table.schema == INPUT
    assert table["id"].to_pylist() == [9, 10] * 4


def test_some_columns_of_a_table_can_be_read_alone(folder):
    TableWriter(folder, "input").write(INPUT_ROWS)
    assert History(folder).table("input", ["check", "id"]).to_pydict() == {"check": [11, 12], "id": [9, 10]}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_without_parts_is_empty(folder, name):
    table = History(folder).table(name)
    assert (table.num_rows, table.schema) == (0, TABLES[name])


def test_a_part_that_was_being_written_is_not_read(folder):
    TableWriter(folder, "input").write(INPUT_ROWS)
    (folder / "input" / "part-00001.partial").write_bytes(b"half")
    assert History(folder).table("input").num_rows == 2


def damaged(folder, table):
    part = folder / "input" / "part-00000.parquet"
    part.parent.mkdir()
    if isinstance(table, bytes):
        part.write_bytes(table)
    else:
        pq.write_table(table, part)
    with pytest.raises(DamagedHistory) as damage:
        History(folder).table("input")
    assert damage.value.where == part
    assert "\n" not in damage.value.what
    return damage.value.what


def test_a_part_that_is_not_parquet_is_named(folder):
    assert "not a readable part of input" in damaged(folder, b"PAR1 nonsense")


def test_a_part_without_a_column_is_named(folder):
    damaged(folder, pa.table({name: pa.array(INPUT_ROWS[name]) for name in ("partition", "offset", "id", "check")}))


def test_a_part_with_a_column_of_another_type_is_named(folder):
    damaged(folder, pa.table(INPUT_ROWS | {"id": ["nine", "ten"]}))


def test_a_part_with_nothing_where_something_must_be_is_named(folder):
    assert "nothing stands in id" in damaged(folder, pa.table(INPUT_ROWS | {"id": [9, None]}, schema=INPUT))
