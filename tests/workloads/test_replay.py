"""A user's own file: what is read from it, and what is said where it does not fit."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.conformance.reference import rows
from tests.workloads.made import BASE_MS, WORKLOADS, decoded
from workloads import table_file
from workloads.query import Query
from workloads.stream import Events, Segment
from workloads.workload import Keeping, Preparing, Unfit

WORKLOAD = WORKLOADS["replay"]
TABLE = {
    "at": [1_700_000_003, 1_700_000_001, 1_700_000_001, 1_700_000_002],
    "who": ["ann", "bob", "ann", "ключ"],
    "Price (EUR)": [5, 1, 2, 0],
    "n": [7, 8, 9, 10],
}
GIVEN = {"time": "at", "key": "who", "values": "Price (EUR), n"}


def prepared(file: Path, **more: Any) -> dict[str, Any]:
    assert isinstance(WORKLOAD, Preparing)
    return dict(WORKLOAD.prepare({**WORKLOAD.defaults, **GIVEN, "file": str(file), **more}))


def replayed(parameters: dict[str, Any], count: int = 4) -> tuple[Query, Events]:
    segment = Segment(0, count, BASE_MS, 1000.0)
    return WORKLOAD.query(parameters), WORKLOAD.events(parameters, 1, segment, np.arange(count))


def written(folder: Path, columns: dict[str, Any], kind: str = "parquet") -> Path:
    path = folder / f"mine.{kind}"
    table = pa.table(columns)
    match kind:
        case "parquet":
            pq.write_table(table, path)
        case "csv":
            pyarrow.csv.write_csv(table, path)
        case "ndjson":
            path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "ndjson"])
def test_rows_come_in_the_order_of_their_time_and_of_the_file_among_equal_ones(tmp_path: Path, kind: str) -> None:
    query, events = replayed(prepared(written(tmp_path, TABLE, kind)), 6)
    found = decoded(query, events)
    assert [event["key"] for event in found] == ["bob", "ann", "ключ", "ann", "bob", "ann"]
    assert [event["price_eur"] for event in found] == [1, 2, 0, 5, 1, 2]
    assert [event["n"] for event in found] == [8, 9, 10, 7, 8, 9]
    assert [event["time"] for event in found] == [BASE_MS + i for i in range(6)]


def test_the_answer_is_sums_and_extremes_of_each_value_per_key_and_window(tmp_path: Path) -> None:
    query, events = replayed(prepared(written(tmp_path, TABLE)))
    (ann, *_) = rows(query, decoded(query, events))
    assert (ann["key"], ann["count"], ann["price_eur_sum"], ann["price_eur_min"], ann["n_max"]) == ("ann", 2, 7, 2, 9)


@pytest.mark.parametrize(
    "times",
    [
        [datetime.fromtimestamp(second, UTC) for second in TABLE["at"]],
        [datetime.fromtimestamp(second) for second in TABLE["at"]],
        [second * 1000 for second in TABLE["at"]],
    ],
)
def test_times_are_timestamps_or_epoch_seconds_or_milliseconds(tmp_path: Path, times: list[Any]) -> None:
    _, events = replayed(prepared(written(tmp_path, {**TABLE, "at": times})))
    assert [events.labels[key] for key in events.keys] == ["bob", "ann", "ключ", "ann"]


def test_a_csv_files_timestamps_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("at,who,n\n2026-01-02T00:00:00Z,a,1\n2026-01-01 12:30:00Z,b,2\n")
    query, events = replayed(prepared(path, values="n"), 2)
    assert [event["n"] for event in decoded(query, events)] == [2, 1]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.decimal128(12, 2)])
def test_decimals_are_integers_once_scaled(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array([Decimal("0.10"), Decimal("12.25"), Decimal(3), Decimal(10**6)], pa.decimal128(12, 2))
    path = written(tmp_path, {**TABLE, "n": values.cast(kind)})
    _, events = replayed(prepared(path, values="n", scale=100))
    assert events.values["n"].tolist() == [1225, 300, 100_000_000, 10]


def test_integers_and_categories_may_be_keys(tmp_path: Path) -> None:
    for who in ([1, 2, 1, 3], pa.array(["a", "b", "a", "c"]).dictionary_encode()):
        _, events = replayed(prepared(written(tmp_path, {**TABLE, "who": who})))
        (tmp_path / "mine.parquet").unlink()
        assert len(events.labels) == 3


@pytest.mark.parametrize(
    ("change", "more", "told"),
    [
        ({"n": [1, None, 3, 4]}, {}, "column 'n' row 2: nothing stands there"),
        ({"n": [1, 2, 3, 2**53]}, {}, "column 'n' row 4: too large a value"),
        ({"n": [1, 2**53 + 1, 2**63 - 1, 4]}, {}, "column 'n' row 2: too large a value"),
        ({"n": [1, 2, 2**52, 4]}, {"scale": 2}, "column 'n' row 3: too large a value"),
        ({"n": [1.5, 2.25, 3, 4]}, {"scale": 2}, "column 'n' row 2: times the scale 2 is no integer (2.25)"),
        ({"n": [1, 2, -(2**53), 4]}, {}, "column 'n' row 3: too large a value"),
        ({"n": [1, 2**52, -(2**52), 4]}, {}, "column 'n' reaches from -4503599627370496 to 4503599627370496"),
        ({"n": [1, None, 3, 4]}, {"missing": "9" * 15, "scale": 10}, "missing = 999999999999999, times the scale 10"),
        ({}, {"pace": "slow"}, "pace = 'slow' is none"),
        ({}, {"speed": 10.0}, "speed = 10 is for pace = recorded"),
        ({}, {"pace": "recorded", "speed": 0.0}, "speed = 0 is not 0.001 or more"),
        ({}, {"pace": "recorded", "speed": float("nan")}, "speed = nan is not 0.001 or more"),
        ({"at": [1, 2, 3, 4]}, {"pace": "recorded"}, "column 'at': these numbers do not tell their unit"),
        ({"n": [1.5, float("nan"), 3, 4]}, {"scale": 2}, "column 'n' row 2: nothing stands there (nan)"),
        ({"n": ["1", "2", "x", "4"]}, {}, "column 'n' row 3: it is no number (x)"),
        ({"n": [1, None, 3, 4]}, {"missing": "leave"}, "missing = 'leave' is no rule"),
        ({"who": ["a", "~b", "c", "d"]}, {}, "column 'who' row 2: a key that begins with ~ (~b)"),
        ({"who": [1.5, 2, 3, 4]}, {}, "column 'who' is double"),
        ({"at": [1, 2, 3, -4]}, {}, "column 'at' row 4: a time before 1970"),
        ({"at": [1_700_000_001, 1_700_000_002_000, 3, 4]}, {}, "column 'at' row 2: seconds and milliseconds are mixed"),
        ({"at": ["soon", "later", "x", "y"]}, {}, "column 'at' row 1: it is no time (soon)"),
        ({}, {"key": "whom"}, "there is no column 'whom'"),
        ({}, {"values": "n,,x"}, "values = 'n,,x' does not name"),
        ({}, {"scale": 0}, "scale = 0 is not positive"),
        ({}, {"sha256": "00"}, "its SHA-256 sum is"),
    ],
)
def test_what_does_not_fit_is_named_with_file_row_and_column(
    tmp_path: Path, change: dict[str, Any], more: dict[str, Any], told: str
) -> None:
    path = written(tmp_path, {**TABLE, **change})
    with pytest.raises(Unfit) as caught:
        prepared(path, **more)
    assert told in caught.value.what
    assert str(path) in caught.value.what or "column" not in told
    assert caught.value.remedy


def test_a_file_that_is_not_there_or_of_another_kind_or_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="cannot be read"):
        prepared(tmp_path / "none.csv")
    (tmp_path / "mine.xlsx").write_bytes(b"x")
    with pytest.raises(Unfit, match="kind is not known"):
        prepared(tmp_path / "mine.xlsx")
    (tmp_path / "mine.parquet").write_bytes(b"no parquet")
    with pytest.raises(Unfit, match=r"not a readable \.parquet file"):
        prepared(tmp_path / "mine.parquet")
    with pytest.raises(Unfit, match="no rows"):
        prepared(written(tmp_path, {name: pa.array([], pa.int64()) for name in TABLE}))


def test_a_file_that_changed_since_it_was_planned_is_no_longer_replayed(tmp_path: Path) -> None:
    path = written(tmp_path, TABLE)
    parameters = prepared(path)
    replayed(parameters)
    written(tmp_path, {**TABLE, "n": [1, 2, 3, 4]})
    os.utime(path, ns=(0, 0))
    with pytest.raises(Unfit, match="has changed since"):
        replayed(parameters)
    path.unlink()
    with pytest.raises(Unfit, match="cannot be read"):
        replayed(parameters)


KEPT_OF = {"Price (EUR)": [5, 1, 2, 0], "n": [7, 8, 9, 2**53 - 1]}


@pytest.mark.parametrize("kind", ["parquet", "csv", "ndjson"])
def test_what_is_kept_makes_the_same_events_wherever_it_is(tmp_path: Path, kind: str) -> None:
    assert isinstance(WORKLOAD, Keeping)
    path = written(tmp_path, {**TABLE, **KEPT_OF}, kind)
    parameters = prepared(path)
    _, first = replayed(parameters, 9)
    folder = tmp_path / "run" / "kept"
    folder.parent.mkdir()
    WORKLOAD.keep(parameters, folder)
    WORKLOAD.keep(parameters, folder)
    path.unlink()
    moved = tmp_path / "elsewhere" / "run"
    moved.parent.mkdir()
    folder.parent.rename(moved)
    found = dict(WORKLOAD.kept(parameters, moved / "kept"))
    query, again = replayed(found, 9)
    assert query == WORKLOAD.query(parameters)
    assert (again.times.tolist(), list(again.labels)) == (first.times.tolist(), list(first.labels))
    assert again.keys.tolist() == first.keys.tolist()
    assert {name: column.tolist() for name, column in again.values.items()} == {
        name: column.tolist() for name, column in first.values.items()
    }


@pytest.mark.parametrize("damage", ["gone", "no parquet", "another", "a pipe", "led out"])
def test_what_was_kept_and_is_no_longer_that_is_not_replayed(tmp_path: Path, damage: str) -> None:
    assert isinstance(WORKLOAD, Keeping)
    parameters = prepared(written(tmp_path, TABLE))
    folder = tmp_path / "run" / "kept"
    folder.parent.mkdir()
    WORKLOAD.keep(parameters, folder)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.unlink()
    match damage:
        case "no parquet":
            path.write_bytes(content[:-9])
        case "another":
            pq.write_table(pq.read_table(pa.BufferReader(content)).slice(1), path)
        case "a pipe":
            os.mkfifo(path)
        case "led out":
            (tmp_path / "elsewhere").write_bytes(content)
            path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unfit, match="kept of the recording"):
        replayed(dict(WORKLOAD.kept(parameters, folder)))


def test_a_run_from_before_recordings_were_kept_reads_its_file(tmp_path: Path) -> None:
    assert isinstance(WORKLOAD, Keeping)
    parameters = prepared(written(tmp_path, TABLE))
    del parameters["recording"]
    assert WORKLOAD.kept(parameters, tmp_path) == parameters
    replayed(parameters)


@pytest.mark.parametrize("digest", ["../../x", "0" * 63, "g" * 64])
def test_a_name_that_a_plan_makes_up_is_no_path(tmp_path: Path, digest: str) -> None:
    assert isinstance(WORKLOAD, Keeping)
    with pytest.raises(Unfit, match="is no SHA-256 sum"):
        WORKLOAD.kept({**WORKLOAD.defaults, "recording": digest}, tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet", "ndjson"])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mine.{kind}"
    os.mkfifo(path)
    with pytest.raises(Unfit, match="cannot be read: not a regular file"):
        prepared(path)
    for target in ("/dev/zero", path.name):
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(Unfit):
            prepared(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(table_file.MOST_BYTES + 1)
    with pytest.raises(Unfit, match="more than the"):
        prepared(path)
    path.unlink()


def test_a_link_to_ones_own_file_is_followed(tmp_path: Path) -> None:
    path = written(tmp_path, TABLE)
    (tmp_path / "linked.parquet").symlink_to(path)
    replayed(prepared(tmp_path / "linked.parquet"))


def test_without_a_file_there_is_something_lacking(tmp_path: Path) -> None:
    assert isinstance(WORKLOAD, Preparing)
    lack = WORKLOAD.lacking(WORKLOAD.defaults)
    assert lack is not None and lack.remedy == "use --set workload.replay.file=PATH"
    assert WORKLOAD.lacking({**WORKLOAD.defaults, "file": "x.csv"}) is None


def test_columns_whose_names_collide_are_told_apart(tmp_path: Path) -> None:
    columns = {"at": [1], "who": ["a"], "a b": [1], "a.b": [2], "Time": [3], "1st": [4], "№": [5]}
    path = written(tmp_path, columns)
    query, events = replayed(prepared(path, values="a b,a.b,Time,1st,№"), 1)
    (event,) = decoded(query, events)
    assert {name: event[name] for name in event if name not in ("id", "check", "key", "time")} == {
        "a_b": 1,
        "a_b_": 2,
        "value_time": 3,
        "value_1st": 4,
        "value": 5,
    }
