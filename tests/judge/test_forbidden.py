"""Rows that no guarantee of delivery allows: of aborted transactions, and out of order."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from results.history import TableWriter
from results.judge import judge
from tests.judge.recording import seal
from tests.judge.shapes import shaped


def swapped(made, apart=1):
    """Two rows of one key change places; rows stand in the order in which they become visible."""
    keys = [row["key"] for row in made.rows]
    most = max(keys, key=keys.count)
    places = [place for place, key in enumerate(keys) if key == most]
    one, other = places[0], places[apart]
    made.rows[one], made.rows[other] = made.rows[other], made.rows[one]
    return made


@pytest.mark.parametrize("name", ["running", "count", "until", "machine"])
def test_rows_of_a_key_that_change_places_are_out_of_order(judge_shaped, name):
    case = judge_shaped(swapped(shaped(name)))
    assert (case.outcome, case.delivery.seen) == ("fail", "broken")
    assert case.kinds == {"out of order": 1}
    (offence,) = case.offences
    assert (offence.kind, offence.count_as) == ("out of order", "match")


def test_rows_of_different_keys_have_no_order(judge_shaped):
    made = shaped("running")
    made.rows = sorted(made.rows, key=lambda row: row["key"])
    assert judge_shaped(made).outcome == "pass"


def test_a_replay_is_no_disorder(judge_shaped):
    made = shaped("running")
    made.rows = [*made.rows[:300], *made.rows[200:]]
    case = judge_shaped(made)
    assert set(case.kinds) == {"duplicate"}


def test_the_order_of_rows_is_not_judged_where_the_answer_does_not_depend_on_it(judge_shaped):
    made = shaped("project")
    made.rows = made.rows[::-1]
    assert judge_shaped(made).outcome == "pass"


def test_a_row_of_an_aborted_transaction_is_an_aborted_read(recording, tmp_path):
    folder = recording.write(tmp_path / "made")
    written = pq.read_table(folder / "output").slice(40, 3)
    TableWriter(folder, "physical").write(
        {
            "partition": written["partition"].to_pylist(),
            "offset": written["offset"].to_pylist(),
            "time_ms": [0, 0, 0],
            "committed": [True, False, True],
            "value": written["value"].to_pylist(),
        }
    )
    case = next(case for case in judge(seal(folder)) if case.phase == "paced")
    assert (case.outcome, case.delivery.seen, case.kinds) == ("fail", "broken", {"aborted read": 1})
    assert (case.offences[0].partition, case.offences[0].offset) == (
        written["partition"][1].as_py(),
        written["offset"][1].as_py(),
    )


@pytest.mark.parametrize("name", ["running", "count", "machine"])
def test_a_key_in_two_partitions_is_scattered_where_order_is_promised(judge_shaped, name):
    made = shaped(name)
    recording = made.recording()
    rows = [row for row in recording.rows if isinstance(row.value, dict)]
    key = rows[0].value["key"]
    moved = [row for row in rows if row.value["key"] == key][1::2]
    for row in moved:
        row.partition = (row.partition + 1) % 4
    case = judge_shaped.recorded(made, recording)
    assert (case.outcome, case.kinds) == ("fail", {"scattered": len(moved)})
    assert case.delivery.seen == "broken"
    assert "in another partition" in case.reason


def test_a_key_that_moves_to_another_partition_for_good_is_scattered_too(judge_shaped):
    made = shaped("running")
    recording = made.recording()
    rows = [row for row in recording.rows if isinstance(row.value, dict)]
    later = rows[len(rows) // 2 :]
    for row in later:
        row.partition = (row.partition + 1) % 4
    case = judge_shaped.recorded(made, recording)
    assert (case.outcome, set(case.kinds)) == ("fail", {"scattered"})


@pytest.mark.parametrize("name", ["tumbling", "project", "join"])
def test_rows_may_go_anywhere_where_no_order_is_promised(judge_shaped, name):
    made = shaped(name)
    recording = made.recording()
    for number, row in enumerate(recording.rows):
        row.partition = number % 4
    assert judge_shaped.recorded(made, recording).outcome == "pass"
