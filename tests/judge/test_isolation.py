"""An engine that counts events of transactions that were aborted reads what is not committed, and is told so."""

from __future__ import annotations

import numpy as np
import pytest

from results.history import Decoyed
from tests.judge.shapes import shaped
from workloads.query import CHECK, ID
from workloads.stream import DECOY_IDS, checks

COUNT = 5


def decoyed(recording, phase="paced"):
    """The recording of a trial with decoys; their ids and checks."""
    recording.plan = recording.plan.model_copy(update={"log": "kafka"})
    recording.marks.insert(1, Decoyed(at_ns=recording.marks[0].at_ns, phase=phase, first_id=DECOY_IDS, count=COUNT))
    ids = np.arange(DECOY_IDS, DECOY_IDS + COUNT)
    return dict(zip(ids.tolist(), checks(ids).tolist(), strict=True))


def counting(row, decoys, *numbers):
    """A row's value with decoys among its events."""
    ids = [list(decoys)[number] for number in numbers]
    more = {"count": len(ids), "ids": sum(ids), "checks": sum(decoys[each] for each in ids)}
    return row | {name: row[name] + value for name, value in more.items()} | {"sum": row["sum"] + 7}


@pytest.mark.parametrize("numbers", [(0,), (1, 2, 3), (0, 4)])
def test_a_row_that_counts_decoys_is_an_uncommitted_read_with_their_ids(recording, judged, numbers):
    decoys = decoyed(recording)
    row = recording.row(recording.largest())
    row.value = counting(row.value, decoys, *numbers)
    case = judged(recording)["paced"]
    assert (case.outcome, case.kinds) == ("fail", {"uncommitted read": 1})
    assert case.processing.seen == "broken"
    assert "of a transaction that was aborted" in case.reason
    assert case.offences[0].ids == [DECOY_IDS + number for number in numbers]


def test_no_guarantee_allows_it(recording, judged):
    decoys = decoyed(recording)
    weak = {"processing_claimed": "at-least-once", "delivery_claimed": "at-least-once"}
    recording.plan = recording.plan.model_copy(update=weak)
    row = recording.row(recording.largest())
    row.value = counting(row.value, decoys, 2)
    assert judged(recording)["paced"].outcome == "fail"


@pytest.mark.parametrize("name", ["project", "running"])
def test_a_row_for_a_decoy_is_an_uncommitted_read(judge_shaped, name):
    made = shaped(name)
    recording = made.recording()
    decoys = decoyed(recording)
    row = next(row for row in recording.rows[::-1] if isinstance(row.value, dict))
    identity = {ID: DECOY_IDS, **({CHECK: decoys[DECOY_IDS]} if CHECK in row.value else {})}
    recording.rows.append(type(row)(row.partition, row.visible_ns + 1, row.value | identity))
    case = judge_shaped.recorded(made, recording)
    assert (case.outcome, case.kinds) == ("fail", {"uncommitted read": 1})
    assert "was in a transaction that was aborted" in case.reason


def test_an_honest_engine_beside_decoys_passes_and_its_isolation_was_tested(recording, judged):
    for phase in ("paced", "drain-1", "drain-2"):
        decoyed(recording, phase)
    for case in judged(recording).values():
        assert case.outcome == "pass"
        assert case.isolation == "tested"


def test_a_phase_without_decoys_says_that_isolation_was_not_tested(recording, judged):
    decoyed(recording, "drain-1")
    cases = judged(recording)
    assert cases["paced"].isolation.startswith("not tested in paced")
    assert cases["drain"].isolation.startswith("not tested in drain-2")


def test_the_embedded_log_has_nothing_uncommitted_to_read(recording, judged):
    assert judged(recording)["paced"].isolation.startswith("not tested on this log")


def test_decoys_that_the_log_calls_committed_are_no_fault_of_the_engine(recording, judged):
    decoys = decoyed(recording)
    recording.inputs.append((0, DECOY_IDS, decoys[DECOY_IDS]))
    case = judged(recording)["paced"]
    assert case.outcome == "unknown"
    assert "input_aborted: 1 events of aborted transactions" in case.reason
