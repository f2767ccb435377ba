"""Files as people have them: what is read, cell by cell, and what is refused with its true reason."""

from __future__ import annotations

import datetime
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workloads.made import BASE_MS, WORKLOADS
from workloads import replay, table_file
from workloads.stream import Segment
from workloads.workload import Preparing, Unfit

WORKLOAD = WORKLOADS["replay"]
HEAD = b"time,key,value\n"
T = 1_700_000_000


def read(path: Path, **more: Any) -> list[tuple[str, int]]:
    """(key, value) of every row, in the order of its time."""
    assert isinstance(WORKLOAD, Preparing)
    parameters = WORKLOAD.prepare({**WORKLOAD.defaults, "file": str(path), **more})
    count = len(replay._recorded(parameters).keys)
    events = WORKLOAD.events(parameters, 1, Segment(0, count, BASE_MS, 1000.0), np.arange(count))
    keys = [events.labels[key] for key in events.keys]
    return list(zip(keys, events.values["value"].tolist(), strict=True))


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def event(time: Any, key: Any, value: Any) -> dict[str, Any]:
    return {"time": time, "key": key, "value": value}


A_AND_B = [("a", 1), ("b", 2)]
DEEP = b"[" * 9000 + b"]" * 9000
TWO = b"%d,a,1\n%d,b,2\n" % (T, T + 1)


@pytest.mark.parametrize(
    ("name", "content", "more", "right"),
    [
        # The key column is text, whatever it looks like.
        ("x.csv", HEAD + b"%d,007,1\n%d,7,2\n%d,0700,4\n" % (T, T + 1, T + 2), {}, [("007", 1), ("7", 2), ("0700", 4)]),
        ("x.csv", HEAD + b"%d,true,1\n%d,false,2\n" % (T, T + 1), {}, [("true", 1), ("false", 2)]),
        ("x.csv", HEAD + b"%d,2024-01-05,1\n%d,1e5,2\n" % (T, T + 1), {}, [("2024-01-05", 1), ("1e5", 2)]),
        ("x.csv", HEAD + b"%d,-0,1\n%d,+5,2\n%d, 0,3\n" % (T, T + 1, T + 2), {}, [("-0", 1), ("+5", 2), (" 0", 3)]),
        ("x.csv", HEAD + b"%d,1,1\n%d,,2\n%d,NA,3\n" % (T, T + 1, T + 2), {}, [("1", 1), ("", 2), ("NA", 3)]),
        ("x.ndjson", lines(event(T, "007", 1), event(T + 1, 7, 2)), {}, [("007", 1), ("7", 2)]),
        # Cells of any size, quoted lines, and columns that nobody asked for.
        ("x.csv", HEAD + b'%d,"a\nb",1\n%d,"c,""d""",2\n' % (T, T + 1), {}, [("a\nb", 1), ('c,"d"', 2)]),
        (
            "x.csv",
            b"time,key,value,more\n" + b"".join(b'%d,k,1,"x\n%s"\n' % (T + n, b"y" * 2_000_000) for n in range(3)),
            {},
            [("k", 1)] * 3,
        ),
        ("x.ndjson", lines({**event(T, "a", 1), "more": "x" * 20_000_000}), {}, [("a", 1)]),
        (
            "x.ndjson",
            lines(event(T, "a", 1))[:-2] + b', "more": ' + DEEP + b"}\n",
            {},
            [("a", 1)],
        ),
        # Times in their usual spellings.
        ("x.csv", HEAD + b"2013-01-02,a,1\n2012-12-31,b,2\n", {}, A_AND_B[::-1]),
        (
            "x.ndjson",
            lines(event("2024-03-10T01:30:00.2Z", "a", 1), event("2024-03-10 01:30", "b", 2)),
            {},
            A_AND_B[::-1],
        ),
        ("x.csv", HEAD + b"2024-03-10T02:30:00+02:00,a,1\n2024-03-10T01:00:00Z,b,2\n", {}, A_AND_B),
        ("x.csv", HEAD + b"%d.75,a,1\n%d.5,b,2\n" % (T, T), {}, A_AND_B[::-1]),
        ("x.csv", HEAD + b"0,a,1\n50000000000,b,2\n", {}, A_AND_B),
        ("x.csv", HEAD + b"1952,a,1\n2007,b,2\n", {}, A_AND_B),
        ("x.csv", HEAD + b"%d000000001,a,1\n%d000000000,b,2\n" % (T, T), {}, A_AND_B[::-1]),
        # Values as they are.
        ("x.csv", HEAD + b"%d,a,-0\n%d,b,+3\n" % (T, T + 1), {}, [("a", 0), ("b", 3)]),
        ("x.csv", HEAD + b"%d,a,-5\n%d,b,3\n" % (T, T + 1), {}, [("a", -5), ("b", 3)]),
        ("x.csv", HEAD + b"%d,a,-1.25\n%d,b,-1e-2\n" % (T, T + 1), {"scale": 100}, [("a", -125), ("b", -1)]),
        ("x.ndjson", lines(event(T, "a", -5), event(T + 1, "b", "-3")), {}, [("a", -5), ("b", -3)]),
        ("x.csv", HEAD + b"%d,a,1\n%d,b,\n" % (T, T + 1), {"missing": "-9"}, [("a", 1), ("b", -9)]),
        ("x.csv", HEAD + b"%d,a, 1.5 \n%d,b,2e-1\n" % (T, T + 1), {"scale": 10}, [("a", 15), ("b", 2)]),
        ("x.ndjson", lines(event(T, "a", 1), event(T + 1, "b", "2")), {}, A_AND_B),
        ("x.csv", HEAD + b"%d,a,1\n%d,b,\n" % (T, T + 1), {"missing": "skip"}, [("a", 1)]),
        ("x.csv", HEAD + b"%d,a,1\n%d,b,\n" % (T, T + 1), {"missing": "7", "scale": 2}, [("a", 2), ("b", 14)]),
        ("x.csv", HEAD + b",a,1\n%d,b,NaN\n%d,c,3\n" % (T, T + 1), {"missing": "skip"}, [("c", 3)]),
        ("x.ndjson", lines(event(T, "a", 1), {"time": T, "key": "b"}), {"missing": "0"}, [("a", 1), ("b", 0)]),
        # Formats.
        ("x.csv", b"time;key;value\n%d;a;1\n%d;b;2\n" % (T, T + 1), {}, A_AND_B),
        ("x.csv", b"time;key;value\n%d;a;1,50\n%d;b;2\n" % (T, T + 1), {"scale": 100}, [("a", 150), ("b", 200)]),
        ("x.tsv", (HEAD + TWO).replace(b",", b"\t"), {}, A_AND_B),
        ("x.csv", (HEAD + TWO).replace(b",", b"|"), {}, A_AND_B),
        ("x.CSV.gz", gzip.compress(HEAD + TWO, mtime=0), {}, A_AND_B),
        ("x.csv.zst", pa.compress(HEAD + TWO, "zstd", asbytes=True), {}, A_AND_B),
        ("x.json", json.dumps([event(T, "a", 1), event(T + 1, "b", 2)], indent=1).encode(), {}, A_AND_B),
        ("x.jsonl.gz", gzip.compress(lines(event(T, "a", 1), event(T + 1, "b", 2)), mtime=0), {}, A_AND_B),
        ("x.csv", b"\xef\xbb\xbf" + HEAD + TWO, {}, A_AND_B),
        ("x.ndjson", b"\xef\xbb\xbf" + lines(event(T, "a", 1), event(T + 1, "b", 2)), {}, A_AND_B),
        ("x.csv", (HEAD + TWO).replace(b"\n", b"\r\n\r\n"), {}, A_AND_B),
        ("x.csv", (HEAD + TWO).replace(b"\n", b"\r"), {}, A_AND_B),
        ("x[1]*.ndjson", lines(event(T, "a", 1), event(T + 1, "b", 2)), {}, A_AND_B),
    ],
)
def test_what_people_have_is_read(tmp_path: Path, name: str, content: bytes, more: Any, right: Any) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert read(path, **more) == right


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.csv", b"", "the file is empty"),
        ("x.csv", HEAD, "the file has no rows"),
        ("x.csv", TWO, "there is no column 'time'"),
        ("x.csv", b"time, key, value\n" + TWO, "there is no column 'key'"),
        ("x.csv", b"time,key,value,value\n", "column 'value' is there twice"),
        ("x.csv", HEAD + TWO + b"%d,c\n" % T, "row 3 has 2 cells, not 3"),
        ("x.csv", HEAD + TWO + b"\n# total 2\n", "row 3 has 1 cell, not 3: # total 2"),
        ("x.csv", HEAD + TWO + b'%d,a,"1,234"\n' % T, "column 'value' row 3: it is no number (1,234)"),
        ("x.csv", HEAD + "1,a,€5\n".encode(), "column 'value' row 1: it is no number (€5)"),
        ("x.csv", HEAD + TWO + b"%d,a,-9007199254740993\n" % T, "column 'value' row 3: too large a value"),
        ("x.csv", HEAD + b"infinity,a,1\n", "column 'time' row 1: it is no time (infinity)"),
        ("x.csv", HEAD + TWO + b"%d,a,inf\n" % T, "column 'value' row 3: it is infinite"),
        ("x.csv", HEAD + TWO + b"%d,a,\n" % T, "column 'value' row 3: nothing stands there"),
        ("x.csv", HEAD + b"%d,a,9007199254740993\n" % T, "column 'value' row 1: too large a value"),
        ("x.csv", HEAD + b"%d,a,99999999999999999999999\n" % T, "column 'value' row 1: too large a value"),
        ("x.csv", HEAD + b"%d000,a,1\n%d000000,b,2\n" % (T, T), "row 2: milliseconds and microseconds are mixed"),
        ("x.csv", HEAD + b"%d,a,1\n2024-01-01,b,2\n" % T, "row 2: numbers and dates are mixed"),
        ("x.csv", HEAD + b"-86400,a,1\n", "row 1: a time before 1970"),
        ("x.csv", HEAD + b"10:30:00,a,1\n", "row 1: a time of day has no date"),
        ("x.csv", HEAD + b"1/2/2013 5:15,a,1\n", "row 1: day and month cannot be told apart"),
        ("x.csv", (HEAD + TWO).decode().encode("utf-16"), "the file is not UTF-8"),
        ("x.csv", HEAD + TWO + "1,é,1\n".encode("latin-1"), "column 'key' row 3 is not UTF-8"),
        (
            "x.ndjson",
            lines(event(T, "a", 1)) + b'{"time":1,"value":2,"value":3}\n',
            "column 'value' is there twice in row 2",
        ),
        ("x.ndjson", lines(event(T, "a", 1), event(T, "b", True)), "column 'value' row 2 is boolean"),
        ("x.ndjson", lines(event(T, "a", 1), event(T, ["b"], 1)), "column 'key' row 2 is array"),
        ("x.ndjson", lines(event(T, "a", 1)) + b"5\n", "row 2 is no object"),
        ("x.ndjson", lines({"time": T, "meta": {"key": "a"}, "value": 1}), "there is no column 'key'"),
        ("x.ndjson", b'{"time": \n', "not a readable .ndjson file"),
        ("x.csv.gz", b"no gzip at all", "cannot be read"),
        ("x.txt", HEAD + TWO, "the file's kind is not known"),
    ],
)
def test_what_cannot_be_told_is_refused_with_file_column_and_row(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Unfit) as caught:
        read(path)
    assert told in caught.value.what
    assert str(path) in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("times", "keys", "values", "right"),
    [
        ([datetime.date(2013, 1, 2), datetime.date(2012, 12, 31)], ["a", "b"], [1, 2], A_AND_B[::-1]),
        ([T + 0.5, T + 0.25], ["a", "b"], [1, 2], A_AND_B[::-1]),
        ([(T + 1) * 1e6, T * 1e6], ["a", "b"], [1, 2], A_AND_B[::-1]),
        ([(T + 1) * 1e6 + 0.25, T * 1e6], ["a", "b"], [1, 2], A_AND_B[::-1]),
        ([(T + 1) * 1e9, T * 1e9], ["a", "b"], [1, 2], A_AND_B[::-1]),
        ([T, T + 1], ["a", "b"], [-1.0, 2.0], [("a", -1), ("b", 2)]),
        ([datetime.datetime(1950, 1, 1), datetime.datetime(1949, 1, 1)], ["a", "b"], [1, 2], A_AND_B[::-1]),
        ([T, T + 1], pa.array(["a", "b"], pa.string_view()), [1, 2], A_AND_B),
        ([T, T + 1], pa.array(["a", "b"]).dictionary_encode(), [1, 2], A_AND_B),
        ([T, T + 1], ["a", "b"], [Decimal("1.00"), Decimal("2.00")], A_AND_B),
    ],
)
def test_typed_columns_are_taken_as_they_are(tmp_path: Path, times: Any, keys: Any, values: Any, right: Any) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"time": times, "key": keys, "value": values}), path)
    assert read(path) == right


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("time", pa.array([2**63 + 5], pa.uint64()), "column 'time' row 1: too large a time"),
        ("time", pa.array([1000], pa.time32("ms")), "column 'time' is a time of day"),
        ("time", pa.array([None], pa.int64()), "column 'time' row 1: nothing stands there"),
        ("key", pa.array([b"a"]), "column 'key' is binary"),
        ("value", pa.array([True]), "column 'value' is bool"),
        ("value", pa.array([2**53 + 1]), "column 'value' row 1: too large a value"),
    ],
)
def test_typed_columns_that_do_not_fit_are_refused(tmp_path: Path, column: str, values: pa.Array, told: str) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({**event(pa.array([T]), pa.array(["a"]), pa.array([1])), column: values}), path)
    with pytest.raises(Unfit, match=r"x\.parquet") as caught:
        read(path)
    assert told in caught.value.what


def test_a_folder_is_all_of_its_files_and_a_row_is_named_by_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "2.csv").write_bytes(HEAD + b"%d,b,2\n" % T)
    (folder / "1.ndjson.gz").write_bytes(gzip.compress(lines(event(T + 5, "a", 1), event(T, "c", 3))))
    (folder / "readme.txt").write_bytes(b"no data")
    assert read(folder) == [("c", 3), ("b", 2), ("a", 1)]
    (folder / "2.csv").write_bytes(HEAD + b"%d,b,2\n%d,b,x\n" % (T, T))
    with pytest.raises(Unfit, match=r"2\.csv: column 'value' row 2"):
        read(folder)
    (folder / "2.csv").write_bytes(HEAD + b"%d.5,b,2\n" % T)
    assert read(folder) == [("c", 3), ("b", 2), ("a", 1)], "seconds, of which one file has fractions"
    (folder / "2.csv").write_bytes(HEAD + b"%d000,b,2\n" % T)
    with pytest.raises(Unfit, match="not of one unit"):
        read(folder)
    with pytest.raises(Unfit, match="no file in it that can be read"):
        read(tmp_path / "mine" / "..")


def test_files_whose_names_fit_are_read_and_what_a_system_wrote_beside_them_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "mine [1]"
    folder.mkdir()
    for name, key in (("day-1.csv", b"a"), ("day-2.csv", b"b"), ("week-1.csv", b"c")):
        (folder / name).write_bytes(HEAD + b"%d,%s,1\n" % (T, key))
    for name in ("._day-1.csv", ".hidden.csv", "_temporary.csv"):
        (folder / name).write_bytes(b"\0")
    assert read(folder / "day-?.csv") == [("a", 1), ("b", 1)]
    assert read(folder.parent / "mine*" / "[dw]*-1.csv") == [("a", 1), ("c", 1)]
    assert read(folder) == [("a", 1), ("b", 1), ("c", 1)]
    with pytest.raises(Unfit, match="no file's name fits this"):
        read(folder / "month-*.csv")
    with pytest.raises(Unfit, match="stands for no folder"):
        read(folder / "**" / "*.csv")


def test_a_typed_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    for kind in (pa.string(), pa.large_string()):
        keys = pa.array([b"a", None, b"\xe9"], pa.large_binary() if kind == pa.large_string() else pa.binary()).view(
            kind
        )
        pq.write_table(pa.table({"time": [T, T, T], "key": keys, "value": [1, 2, 3]}), path)
        with pytest.raises(Unfit, match="column 'key' row 3 is not UTF-8"):
            read(path)


@pytest.mark.parametrize("deep", [20_000, 1_000_000])
def test_nesting_of_any_depth_is_read_over_or_refused(tmp_path: Path, deep: int) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(lines(event(T, "a", 1))[:-2] + b', "more": ' + b"[" * deep + b"]" * deep + b"}\n")
    found: Any
    try:
        found = read(path)
    except Unfit as unfit:
        found = unfit.what.partition(":")[0]
    assert found in ([("a", 1)], str(path))


def test_how_many_rows_the_rule_held_for_is_said(tmp_path: Path) -> None:
    assert isinstance(WORKLOAD, Preparing)
    path = tmp_path / "x.csv"
    path.write_bytes(HEAD + TWO + b"%d,c,\n%d,d,\n" % (T, T))
    for rule in ("skip", "0"):
        assert WORKLOAD.prepare({**WORKLOAD.defaults, "file": str(path), "missing": rule})["missing_rows"] == 2


def test_a_packed_file_that_is_endless_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "MOST_BYTES", 1 << 20)
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(HEAD + b"0" * (1 << 21)))
    with pytest.raises(Unfit, match="unpacked it has more than"):
        read(path)


def test_a_file_with_endless_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "MOST_ROWS", 1)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"time": [T, T], "key": ["a", "b"], "value": [1, 2]}), path)
    with pytest.raises(Unfit, match="it has 2 rows, more than the 1"):
        read(path)
