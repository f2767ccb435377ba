"""The judge is judged: each way of spoiling a perfect history is called by its name, and nothing else is accused."""

from __future__ import annotations

import numpy as np
import pytest

from results.result import Verdict
from tests.judge.recording import NOT_WARM, Row


def only(case, **counts):
    """The verdict's counts are these, all else zero."""
    return case.verdict == Verdict(match=case.verdict.match, **counts)


def test_a_perfect_history_is_accused_of_nothing(recording, judged):
    cases = judged(recording)
    due = {"paced": 0, "drain": 0}
    for window in recording.members:
        due["paced" if recording.members[window][0] < 5400 else "drain"] += 1
    for phase, case in cases.items():
        assert case.outcome == "pass"
        assert case.verdict == Verdict(match=due[phase])
        assert (case.kinds, case.offences) == ({}, [])
        # Its two backlogs double, as those of older trials: not known to be warm, and else nothing is said.
        assert [note.partition(":")[0] for note in case.notes] == {"paced": [], "drain": [NOT_WARM]}[phase]
        assert (case.processing.seen, case.delivery.seen) == ("exact", "exact")
        assert case.observed == "exact, no fault injected"
        assert "untested" in case.reason


def test_a_dropped_row_is_a_loss_naming_window_and_ids(recording, judged):
    window = recording.largest()
    recording.rows.remove(recording.row(window))
    cases = judged(recording)
    case = cases["paced"]
    assert case.outcome == "fail"
    assert only(case, missing=1)
    assert case.kinds == {"loss": 1}
    (offence,) = case.offences
    assert (offence.key, offence.start, offence.end) == window
    assert offence.ids == recording.members[window][:10]
    assert offence.ids_count == len(recording.members[window])
    assert case.delivery.seen == "at-most-once"
    assert case.observed == "at-most-once seen (losses)"
    assert cases["drain"].outcome == "pass"


def test_a_dropped_event_alone_in_its_window_is_a_loss_naming_it(recording, judged):
    window = recording.single()
    (number,) = recording.members[window]
    recording.rows.remove(recording.row(window))
    case = judged(recording)["paced"]
    assert case.reason.startswith("loss (1 of ")
    assert f"{window[0]} [{window[1]}, {window[2]}), no row for its 1 event: id {number}" in case.reason


def test_a_dropped_event_among_others_is_a_loss_naming_it(recording, judged):
    window = recording.largest()
    lost = recording.members[window][3]
    recording.row(window).value = recording.answer(window, [n for n in recording.members[window] if n != lost])
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    assert only(case, wrong=1)
    assert case.kinds == {"loss": 1}
    assert case.offences[0].ids == [lost]
    assert f"{window[0]} [{window[1]}, {window[2]}), id {lost} is not counted" in case.reason
    assert (case.processing.seen, case.delivery.seen) == ("at-most-once", "exact")


def test_an_event_counted_twice_is_a_double_count_naming_it(recording, judged):
    window = recording.largest("drain-2")
    twice = recording.members[window][5]
    recording.row(window).value = recording.answer(window, [*recording.members[window], twice])
    case = judged(recording)["drain"]
    assert case.outcome == "fail"
    assert case.kinds == {"double count": 1}
    assert case.offences[0].ids == [twice]
    assert case.processing.seen == "at-least-once"
    assert f"id {twice} is counted twice" in case.reason


@pytest.mark.parametrize("times", [2, 3])
def test_a_replayed_range_is_a_double_count_naming_it(recording, judged, times):
    window = recording.largest()
    members = recording.members[window]
    recording.row(window).value = recording.answer(window, members + members[2:9] * (times - 1))
    case = judged(recording)["paced"]
    assert case.kinds == {"double count": 1}
    assert case.offences[0].ids == members[2:9]
    assert "7 ids" in case.reason
    assert "contiguous range" in case.reason
    assert f"counted {'twice' if times == 2 else '3 times'}" in case.reason


def test_a_lost_range_is_a_loss_naming_it(recording, judged):
    window = recording.largest()
    members = recording.members[window]
    recording.row(window).value = recording.answer(window, members[:2] + members[12:])
    case = judged(recording)["paced"]
    assert case.kinds == {"loss": 1}
    assert case.offences[0].ids == members[2:12]
    assert case.offences[0].ids_count == 10


def test_scattered_losses_of_a_large_window_are_found(recording, judged):
    window = recording.largest()
    members = recording.members[window]
    assert len(members) > 22
    lost = [members[1], members[7], members[11], members[20]]
    recording.row(window).value = recording.answer(window, [n for n in members if n not in lost])
    case = judged(recording)["paced"]
    assert case.kinds == {"loss": 1}
    assert case.offences[0].ids == lost


def test_losses_and_double_counts_together_are_broken(recording, judged):
    first, second = recording.largest(), recording.largest(rank=1)
    recording.row(first).value = recording.answer(first, recording.members[first][1:])
    recording.row(second).value = recording.answer(second, recording.members[second] + recording.members[second][:1])
    case = judged(recording)["paced"]
    assert case.kinds == {"loss": 1, "double count": 1}
    assert (case.processing.seen, case.observed) == ("broken", "broken")


def test_the_same_row_twice_is_a_duplicate(recording, judged):
    window = recording.largest()
    row = recording.row(window)
    recording.rows.append(Row(row.partition, row.visible_ns + 40_000_000, row.value))
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    assert only(case, duplicate=1)
    assert case.kinds == {"duplicate": 1}
    assert (case.processing.seen, case.delivery.seen) == ("exact", "at-least-once")
    assert case.observed == "at-least-once seen (replays)"
    assert f"{window[0]} [{window[1]}, {window[2]}), the same row is there 2 times, this one 40 ms" in case.reason
    assert case.metrics["latency_max"].value == 250, "the first copy counts"


def test_every_further_copy_counts(recording, judged):
    row = recording.row(recording.largest())
    recording.rows += [Row(row.partition, row.visible_ns + n, row.value) for n in (1, 2, 3)]
    assert judged(recording)["paced"].verdict.duplicate == 3


@pytest.mark.parametrize("later_ns", [-90_000_000, 90_000_000])
def test_a_second_row_with_another_value_is_a_conflict(recording, judged, later_ns):
    window = recording.largest()
    row = recording.row(window)
    other = recording.answer(window, recording.members[window][:4])
    recording.rows.append(Row(row.partition, row.visible_ns + later_ns, other))
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    assert only(case, wrong=1)
    assert case.kinds == {"conflict": 1}
    assert case.processing.seen == "broken"
    assert "another row of this window says otherwise" in case.offences[0].explanation


def test_a_wrong_row_repeated_is_wrong_once_and_a_duplicate(recording, judged):
    window = recording.largest()
    row = recording.row(window)
    row.value = row.value | {"sum": row.value["sum"] + 1}
    recording.rows.append(Row(row.partition, row.visible_ns + 1, row.value))
    case = judged(recording)["paced"]
    assert only(case, wrong=1, duplicate=1)
    assert case.kinds == {"duplicate": 1, "wrong value": 1}


@pytest.mark.parametrize("name", ["sum", "min", "max", "count", "ids", "checks"])
def test_one_added_to_one_field_is_named(recording, judged, name):
    window = recording.largest()
    row = recording.row(window)
    right = row.value[name]
    row.value = row.value | {name: right + 1}
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    assert only(case, wrong=1)
    assert case.observed == "broken"
    assert case.offences[0].expected[name] == right
    assert case.offences[0].found[name] == right + 1
    if name == "count":
        assert case.kinds == {"broken audit": 1}
    else:
        assert case.kinds == {"wrong value": 1}
        assert f"{name} is {right + 1}, expected {right}" in case.reason


def test_a_loss_by_the_audit_that_the_sum_denies_is_broken(recording, judged):
    window = recording.largest()
    short = recording.answer(window, recording.members[window][1:])
    recording.row(window).value = short | {"sum": short["sum"] + 5}
    case = judged(recording)["paced"]
    assert case.kinds == {"broken audit": 1}
    assert "sum disagrees" in case.reason


def test_swapped_values_are_broken(recording, judged):
    first, second = recording.largest(), recording.largest(rank=1)
    one, other = recording.answer(first), recording.answer(second)
    bounds = ("key", "start", "end")
    recording.row(first).value = other | {name: one[name] for name in bounds}
    recording.rows[[row.value for row in recording.rows].index(other)].value = one | {n: other[n] for n in bounds}
    case = judged(recording)["paced"]
    assert only(case, wrong=2)
    assert case.processing.seen == "broken"
    assert set(case.kinds) == {"broken audit"}


@pytest.mark.parametrize("shift", [{"start": 500, "end": 500}, {"start": 60_000, "end": 60_000}, {"end": 1000}])
def test_a_shifted_window_is_unexpected_and_its_own_missing(recording, judged, shift):
    row = recording.row(recording.largest())
    row.value = row.value | {name: row.value[name] + by for name, by in shift.items()}
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    assert only(case, missing=1, unexpected=1)
    assert case.kinds == {"loss": 1, "unexpected": 1}


def test_a_phantom_window_is_unexpected(recording, judged):
    bounds = {window[1:] for window, ids in recording.members.items() if ids[0] >= 5400}
    phantoms = {(f"sensor-{n:04d}", *bound) for n in range(20) for bound in bounds} - recording.members.keys()
    key, start, end = min(phantoms)
    row = recording.row(recording.largest("drain-1"))
    value = row.value | {"key": key, "start": start, "end": end}
    recording.rows.append(Row(row.partition, row.visible_ns, value))
    cases = judged(recording)
    assert only(cases["drain"], unexpected=1)
    assert cases["drain"].outcome == "fail"
    assert "no event of this key falls into this window" in cases["drain"].reason
    assert cases["paced"].outcome == "pass"


def test_a_row_for_an_unknown_key_is_unexpected(recording, judged):
    row = recording.row(recording.largest())
    recording.rows.append(Row(row.partition, row.visible_ns, row.value | {"key": "sensor-9999"}))
    case = judged(recording)["paced"]
    assert only(case, unexpected=1)
    assert "sensor-9999" in case.reason
    assert "no event has this key" in case.reason


def test_a_cut_tail_is_missing(recording, judged):
    last = max(start for _, start, _ in recording.members)
    cut = [row for row in recording.rows if isinstance(row.value, dict) and row.value["start"] == last]
    recording.rows = [row for row in recording.rows if row not in cut or row.value["key"].startswith("~")]
    case = judged(recording)["drain"]
    assert case.outcome == "fail"
    assert only(case, missing=len(cut))
    assert "drain_rate" not in case.metrics
    assert "missing" in case.absent["drain_rate"]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        None,
        b"not json",
        b'{"key":"sensor-0001"}',
        b'[["sensor-0001",1]]',
        b'{"key":1,"start":0,"end":1,"sum":1,"min":1,"max":1,"count":1,"ids":1,"checks":1}',
        b'{"key":"sensor-0001","start":0,"end":1,"sum":1.5,"min":1,"max":1,"count":1,"ids":1,"checks":1}',
        b'{"key":"sensor-0001","start":0,"end":1,"sum":"1","min":1,"max":1,"count":1,"ids":1,"checks":1}',
        b'{"key":"sensor-0001","start":0,"end":1,"sum":1,"min":1,"max":1,"count":1,"ids":1,"checks":1,"more":1}',
        b'{"key":"sensor-0001","start":0,"end":1,"sum":99999999999999999999,"min":1,"max":1,"count":1,"ids":1,"checks":1}',
        b'{"key":"sensor-\xff","start":0,"end":1,"sum":1,"min":1,"max":1,"count":1,"ids":1,"checks":1}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_row_is_shown(recording, judged, value):
    window = recording.largest()
    recording.rows.append(Row(2, recording.row(window).visible_ns, value))
    case = judged(recording)["paced"]
    assert case.outcome == "fail"
    assert only(case, unexpected=1)
    assert case.kinds == {"malformed": 1}
    (offence,) = case.offences
    assert offence.partition == 2
    assert offence.explanation.startswith("not a row of the query: ")
    assert len(offence.found) <= 201


def test_of_many_offending_rows_the_first_five_are_shown_and_all_are_counted(recording, judged):
    spoiled = [row for row in recording.rows if isinstance(row.value, dict) and not row.value["key"].startswith("~")]
    for row in spoiled:
        row.value = row.value | {"max": row.value["max"] + 1}
    cases = judged(recording)
    assert sum(case.verdict.wrong for case in cases.values()) == len(spoiled)
    assert [len(case.offences) for case in cases.values()] == [5, 5]


def test_no_rows_at_all_are_a_loss(recording, judged):
    recording.rows = []
    for case in judged(recording).values():
        assert case.outcome == "fail"
        assert set(case.kinds) == {"loss"}
        assert (case.processing.seen, case.delivery.seen) == ("unknown", "at-most-once")


def test_no_rows_at_all_never_pass(recording, judged):
    recording.rows = []
    recording.plan = recording.plan.model_copy(
        update={"processing_claimed": "at-most-once", "delivery_claimed": "at-most-once"}
    )
    assert {case.outcome for case in judged(recording).values()} == {"unknown"}


LOSS_IN_WINDOW, DOUBLE, MISSING, TWICE = "loss in a window", "double count", "missing row", "row twice"


@pytest.mark.parametrize(
    ("processing", "delivery", "allowed"),
    [
        ("exactly-once", "exactly-once", set()),
        ("exactly-once", "at-least-once", {TWICE}),
        ("exactly-once", "at-most-once", {MISSING}),
        ("at-least-once", "at-least-once", {DOUBLE, TWICE}),
        ("at-most-once", "at-most-once", {LOSS_IN_WINDOW, MISSING}),
        ("at-most-once", "exactly-once", {LOSS_IN_WINDOW, MISSING}),
    ],
)
@pytest.mark.parametrize("spoiled", [LOSS_IN_WINDOW, DOUBLE, MISSING, TWICE])
def test_what_is_seen_fails_only_if_it_is_weaker_than_what_is_claimed(
    recording, judged, processing, delivery, allowed, spoiled
):
    window = recording.largest()
    row, members = recording.row(window), recording.members[window]
    if spoiled == LOSS_IN_WINDOW:
        row.value = recording.answer(window, members[:-1])
    elif spoiled == DOUBLE:
        row.value = recording.answer(window, members + members[:1])
    elif spoiled == MISSING:
        recording.rows.remove(row)
    else:
        recording.rows.append(Row(row.partition, row.visible_ns, row.value))
    claims = {"processing_claimed": processing, "delivery_claimed": delivery}
    recording.plan = recording.plan.model_copy(update=claims)
    case = judged(recording)["paced"]
    assert case.outcome == ("pass" if spoiled in allowed else "fail")
    assert case.kinds, "allowed or not, it is counted"
    assert "as claimed" in case.reason or case.outcome == "fail"


@pytest.mark.parametrize("bits", [np.int32, np.uint32, np.float32])
@pytest.mark.parametrize("field", ["sum", "min", "max"])
def test_an_engine_that_narrows_a_field_is_convicted_of_every_row(recording, judged, field, bits):
    mine = [row for row in recording.rows if isinstance(row.value, dict) and not row.value["key"].startswith("~")]
    for row in mine:
        with np.errstate(all="ignore"):
            row.value = {**row.value, field: int(np.array(row.value[field]).astype(bits))}
    cases = judged(recording)
    assert {case.outcome for case in cases.values()} == {"fail"}
    assert sum(case.kinds["wrong value"] for case in cases.values()) > 0.99 * len(mine)
