"""Transactions of which only a part is visible, on histories made by hand."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from results.history import TableWriter
from results.judge import judge
from results.verdict.transactions import parts_of, transactions
from tests.judge.recording import seal

COLUMNS = ("partition", "first", "last", "producer", "epoch", "time_ms", "end")


def grouped(*batches):
    return [[(part.partition, part.end) for part in one] for one in transactions(parts_of(batches))]


def test_parts_that_overlap_in_time_are_one_transaction_and_later_ones_another():
    assert grouped(
        (0, 0, 4, 7, 0, 100, ""),
        (0, 5, 9, 7, 0, 140, ""),
        (0, 10, 10, 7, 0, 200, "commit"),
        (0, 11, 12, 7, 0, 201, ""),
        (0, 13, 13, 7, 0, 300, "abort"),
        (1, 0, 4, 7, 0, 120, ""),
        (1, 5, 5, 7, 0, 200, "commit"),
    ) == [[(0, "commit"), (1, "commit")], [(0, "abort")]]


def test_producers_are_kept_apart_and_an_end_that_never_came_is_open():
    assert grouped((0, 0, 0, 7, 0, 100, ""), (0, 1, 1, 8, 0, 101, ""), (0, 2, 2, 8, 0, 102, "commit")) == [
        [(0, "open")],
        [(0, "commit")],
    ]


def test_what_only_touches_within_a_millisecond_is_taken_for_two():
    assert grouped(
        (0, 0, 0, 7, 0, 100, ""),
        (0, 1, 1, 7, 0, 100, "commit"),
        (1, 0, 0, 7, 0, 100, ""),
        (1, 1, 1, 7, 0, 101, "abort"),
    ) == [[(0, "commit")], [(1, "abort")]]


@pytest.mark.parametrize("other", ["commit", "abort"])
def test_rows_of_a_transaction_that_was_aborted_elsewhere_are_torn(recording, tmp_path, other):
    folder = recording.write(tmp_path / "made")
    written = pq.read_table(folder / "output").slice(40, 1)
    partition, offset = written["partition"][0].as_py(), written["offset"][0].as_py()
    elsewhere = (partition + 1) % 4
    batches = [
        (partition, offset, offset, 7, 0, 100, ""),
        (partition, offset + 1, offset + 1, 7, 0, 200, "commit"),
        (elsewhere, 10_000, 10_000, 7, 0, 110, ""),
        (elsewhere, 10_001, 10_001, 7, 0, 200, other),
    ]
    TableWriter(folder, "batches").write(dict(zip(COLUMNS, map(list, zip(*batches, strict=True)), strict=True)))
    case = next(case for case in judge(seal(folder)) if case.phase == "paced")
    if other == "commit":
        assert case.outcome == "pass"
        return
    assert (case.outcome, case.delivery.seen, case.kinds) == ("fail", "broken", {"torn": 1})
    assert (case.offences[0].partition, case.offences[0].offset) == (partition, offset)
