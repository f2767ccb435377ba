"""Records that tell an id alone become the rows of `each-once`; what tells none stays no row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.logs import connect
from harness.failure import TrialFailure
from harness.id_reading import IdReading, read_ids
from harness.instruments.generator import Generator, closing_keys, control_keys
from workloads import each_once
from workloads.stream import CONTROL_IDS, DECOY_IDS, Segment, checks

KEYS, PARTITIONS = 7, 3


@dataclass
class Record:
    """As a log's client gives it."""

    told_key: bytes | str | None = None
    told_value: bytes | str | None = b"{}"
    told_headers: list[tuple[str, Any]] | None = field(default=None)

    def key(self):
        return self.told_key

    def value(self):
        return self.told_value

    def headers(self):
        return self.told_headers


def reading(kind: Any, name: str = "") -> IdReading:
    return IdReading(kind, name, KEYS, PARTITIONS)


@pytest.mark.parametrize(
    ("kind", "name", "record"),
    [
        ("key", "", Record(told_key=b"12")),
        ("key", "", Record(told_key="12")),
        ("header", "sg-id", Record(told_headers=[("other", b"5"), ("sg-id", b"12")])),
        ("value", "n", Record(told_value=b'{"n": 12, "x": [1, {"n": 4}]}')),
        ("value", "n", Record(told_value=b'{"n": "12"}')),
    ],
)
def test_a_row_is_what_follows_from_the_id(kind: str, name: str, record: Record) -> None:
    (row,) = reading(kind, name)([record])
    assert json.loads(row) == {
        "key": each_once.labels(KEYS)[12 % KEYS],
        "id": 12,
        "check": int(checks(np.array([12]))[0]),
    }


@pytest.mark.parametrize(
    ("kind", "name", "record"),
    [
        ("key", "", Record()),
        ("key", "", Record(told_key=b"")),
        ("key", "", Record(told_key=b"-1")),
        ("key", "", Record(told_key=b" 1")),
        ("key", "", Record(told_key="\u0661")),
        ("key", "", Record(told_key=b"9" * 19)),
        ("header", "sg-id", Record()),
        ("header", "sg-id", Record(told_headers=[])),
        ("header", "sg-id", Record(told_headers=[("sg-id", None)])),
        ("header", "sg-id", Record(told_headers=[("sg-id", b"1"), ("sg-id", b"1")])),
        ("value", "n", Record(told_value=None)),
        ("value", "n", Record(told_value=b"\xff")),
        ("value", "n", Record(told_value=b"[12]")),
        ("value", "n", Record(told_value=b'{"m": 12}')),
        ("value", "n", Record(told_value=b'{"n": true}')),
        ("value", "n", Record(told_value=b'{"n": 1.0}')),
        ("value", "n", Record(told_value=b'{"n": -1}')),
        ("value", "n", Record(told_value=b'{"n": 99999999999999999999999}')),
        ("value", "n", Record(told_value=b"[" * 100_000)),
    ],
)
def test_a_record_without_one_id_is_no_row_and_says_so(kind: str, name: str, record: Record) -> None:
    good, bad = reading(kind, name)([Record(b"3", b'{"n": 3, "sg-id": 3}', [("sg-id", b"3")]), record])
    assert json.loads(good)["id"] == 3
    with pytest.raises(ValueError):
        json.loads(bad)
    assert bad.startswith(b"no id in ")
    assert len(bad) < 300


def test_nothing_is_made_of_nothing() -> None:
    assert reading("key")([]) == []


def test_control_events_are_told_by_their_ids(tmp_path: Path) -> None:
    """What the generator sends is what is read: keys of heartbeats and closing events, and their order."""
    log = connect(tmp_path / "log", "embedded")
    log.create("in", PARTITIONS)
    generator = Generator(
        {
            "workload": "each-once",
            "parameters": {**each_once.workload.defaults, "keys": KEYS},
            "seed": 7,
            "partitions": PARTITIONS,
            "topic": "in",
            "transactional_id": "t",
            "log": "embedded",
            "address": str(tmp_path / "log"),
            "folder": str(tmp_path),
        }
    )
    generator.paced("paced", Segment(0, 40, 0, 1000.0), 1000.0, 0)
    firsts = [generator.close_round(60_000), generator.close_round(61_000)]
    generator.close()
    reader, sent = log.reader("in", PARTITIONS), []
    while chunks := reader.poll(0.2):
        sent += [json.loads(value) for chunk in chunks for value in chunk.values]
    reader.close()
    log.close()
    rows = [json.loads(row) for row in reading("value", "id")([Record(told_value=json.dumps(one)) for one in sent])]
    assert [(row["key"], row["check"]) for row in rows] == [(event["source"], event["check"]) for event in sent]
    ids = sorted(event["id"] for event in sent)
    assert len(ids) == len(set(ids))
    closings = [event for event in sent if event["source"] in closing_keys(PARTITIONS)]
    assert len(closings) == 2 * len(closing_keys(PARTITIONS))
    second = {event["source"] for event in closings if event["id"] >= firsts[1]}
    assert second == set(closing_keys(PARTITIONS))
    assert sum(event["id"] >= firsts[1] for event in closings) == len(second)
    assert firsts[0] < firsts[1]


def test_a_decoy_is_a_row_of_its_source() -> None:
    (row,) = reading("key")([Record(told_key=str(DECOY_IDS + 5).encode())])
    assert json.loads(row)["key"] == each_once.labels(KEYS)[(DECOY_IDS + 5) % KEYS]


def test_each_control_key_has_a_place_of_its_own() -> None:
    names = control_keys(PARTITIONS)
    rows = reading("key")([Record(told_key=str(CONTROL_IDS + place).encode()) for place in range(len(names))])
    assert [json.loads(row)["key"] for row in rows] == names
    assert len(set(names)) == len(names)


def test_a_log_without_keys_and_headers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrialFailure, match="no records whose ids"):
        read_ids(connect(tmp_path, "embedded"), "out", reading("key"))
