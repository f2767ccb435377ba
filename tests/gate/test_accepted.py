"""Changes that are accepted until a day: what the file holds, and what does not count."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from results.gate.accepted import FILE, DamagedAcceptances, add, read, valid
from results.gate.gate_result import Acceptance

TODAY = date(2026, 11, 30)
ONE = Acceptance(case="continuous.default.sensors", metric="drain_rate", until="2026-12-24", reason="exact sums | <b>")
OVER = Acceptance(case="micro-batch.default.sensors", until="2026-11-29", reason="old")
LAST_DAY = OVER.model_copy(update={"until": "2026-11-30"})


def test_what_is_added_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    add(tmp_path, ONE, TODAY)
    assert read(tmp_path) == [ONE]


def test_a_new_one_takes_the_place_of_that_for_the_same_figure(tmp_path: Path) -> None:
    add(tmp_path, ONE, TODAY)
    add(tmp_path, ONE.model_copy(update={"metric": None}), TODAY)
    later = ONE.model_copy(update={"until": "2027-01-31"})
    add(tmp_path, later, TODAY)
    assert read(tmp_path) == [ONE.model_copy(update={"metric": None}), later]


def test_what_is_over_counts_no_more_and_leaves_the_file_when_it_is_written(tmp_path: Path) -> None:
    assert valid([ONE, OVER, LAST_DAY], TODAY) == [ONE, LAST_DAY]
    (tmp_path / FILE).write_text(json.dumps({"accepted": [OVER.model_dump()]}))
    assert read(tmp_path) == [OVER]
    add(tmp_path, ONE, TODAY)
    assert read(tmp_path) == [ONE]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"accepted": [{}]}', '{"accepted": 3}', '{"schema_version": 2}', '{"other": 1}', "\x00",
     json.dumps({"accepted": [{**ONE.model_dump(), "until": "soon"}]})],
)  # fmt: skip
def test_a_damaged_file_is_never_taken_for_none(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(DamagedAcceptances):
        read(tmp_path)
    with pytest.raises(DamagedAcceptances):
        add(tmp_path, ONE, TODAY)
    assert (tmp_path / FILE).read_text() == content


def test_a_link_out_of_the_repository_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    outside, top = tmp_path / "outside.json", tmp_path / "top"
    top.mkdir()
    outside.write_text(json.dumps({"accepted": [ONE.model_dump()]}))
    (top / FILE).symlink_to(outside)
    with pytest.raises(DamagedAcceptances):
        read(top)
