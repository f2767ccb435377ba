"""A perfect answer of each shape, spoiled in one way at a time: each is called by its name and nothing else accused."""

from __future__ import annotations

import pytest

from results.result import CaseResult, Verdict
from tests.conformance.examples import EXAMPLES
from tests.conformance.reference import Event
from tests.conformance.reference import Row as Answer
from tests.judge.conftest import JudgeShaped
from tests.judge.shapes import COUNT, Shaped, shaped
from workloads.query import AUDIT, Count, Query, Running, Session, StateMachine, Top, Until, Windowed

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _by_slices_too(judge_shaped: JudgeShaped) -> None:
    judge_shaped.by_slices = True


AUDITED = [name for name, query in EXAMPLES.items() if isinstance(query.shape, Windowed | Running)]
REPEATABLE = [name for name in AUDITED if EXAMPLES[name].deduplicate is None]
PLAIN = [name for name in EXAMPLES if name not in AUDITED and EXAMPLES[name].deduplicate is None]
RENAMED = [
    name for name in AUDITED if isinstance(getattr(EXAMPLES[name].shape, "window", None), Session | Count | Until)
]
"""What a fault gives other bounds."""


def own(query: Query) -> str:
    """A field that is none of the audit's."""
    return next(name for name in query.fields if name not in {output.name for output in AUDIT})


def accused(case: CaseResult, **counts: int) -> dict[str, int]:
    """The kinds, given that the verdict's counts are these and the trial fails."""
    assert case.verdict == Verdict(match=case.verdict.match, **counts)
    assert case.outcome == "fail"
    return dict(case.kinds)


def accused_of_any(case: CaseResult) -> dict[str, int]:
    assert case.outcome == "fail"
    return dict(case.kinds)


def victim(made: Shaped, first: int = COUNT // 2) -> Event:
    """The first event from there on without which the answer is another one: an item may not be among the top."""
    key = made.events[first]["name"]
    mine = [event for event in made.events if event["name"] == key]
    right = made.answer(mine)
    return next(
        e for e in mine if e["id"] >= first and made.answer([other for other in mine if other is not e]) != right
    )


def without(made: Shaped, event: Event) -> list[Answer]:
    return made.answer([other for other in made.events if other is not event])


def again(made: Shaped, events: list[Event]) -> list[Answer]:
    """The answer of an engine that goes back after the last of these events and takes them all a second time."""
    place = made.events.index(events[-1]) + 1
    return made.answer([*made.events[:place], *events, *made.events[place:]])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_perfect_answer_is_accused_of_nothing(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    case = judge_shaped(made)
    assert case.outcome == "pass"
    assert case.verdict == Verdict(match=len(made.rows))
    assert (case.kinds, case.offences, case.notes) == ({}, [], [])
    assert (case.processing.seen, case.delivery.seen) == ("exact", "exact")
    assert len(made.rows) > 25


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_dropped_row_is_a_loss(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    gone = made.rows.pop(len(made.rows) // 2)
    case = judge_shaped(made)
    assert accused(case, missing=1) == {"loss": 1}
    (offence,) = case.offences
    shown = {"start": offence.start, "end": offence.end, **offence.identity}
    assert (offence.key, *(shown[part] for part in made.query.identity)) == made.identity(gone)
    if "ids" in gone:
        assert offence.ids_count == (1 if isinstance(made.query.shape, Running) else gone["count"])
        assert sum(offence.ids) == gone["ids"] or offence.ids_count > len(offence.ids) or "id" in gone
    assert case.observed == "at-most-once seen (losses)"


@pytest.mark.parametrize("name", AUDITED)
def test_an_event_that_is_not_counted_is_a_loss_that_names_it(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    event = victim(made)
    made.rows = without(made, event)
    case = judge_shaped(made)
    assert case.outcome == "fail"
    assert set(case.kinds) == {"loss"}
    assert (case.verdict.duplicate, case.verdict.unexpected) == (0, 0)
    assert {number for offence in case.offences if offence.count_as == "wrong" for number in offence.ids} == {
        event["id"]
    }


@pytest.mark.parametrize("name", REPEATABLE)
def test_an_event_that_is_counted_twice_is_a_double_count_that_names_it(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    event = victim(made)
    made.rows = again(made, [event])
    case = judge_shaped(made)
    assert case.outcome == "fail"
    assert set(case.kinds) == {"double count"}
    assert (case.verdict.missing, case.verdict.duplicate) == (0, 0)
    assert {number for offence in case.offences for number in offence.ids} == {event["id"]}
    assert (case.processing.seen, case.delivery.seen) == ("at-least-once", "exact")


@pytest.mark.parametrize("name", REPEATABLE)
def test_a_range_of_events_taken_again_is_a_double_count(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    key = victim(made)["name"]
    replayed = [event for event in made.events[COUNT // 2 :] if event["name"] == key][:7]
    made.rows = again(made, replayed)
    case = judge_shaped(made)
    assert case.outcome == "fail"
    assert "double count" in case.kinds
    # A window by condition that lies within the range comes a second time as it was.
    assert set(case.kinds) <= {"double count", *(("duplicate",) if name == "until" else ())}
    assert case.verdict.missing == 0
    named = {number for offence in case.offences if offence.kind == "double count" for number in offence.ids}
    assert named
    assert named <= {event["id"] for event in replayed}


@pytest.mark.parametrize("name", PLAIN)
def test_events_without_an_audit_are_seen_by_their_rows(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    event = victim(made)
    made.rows = without(made, event)
    gone = accused_of_any(judge_shaped(made))
    # A machine that misses an event, or has it twice, is in another state for those after it.
    if not isinstance(made.query.shape, StateMachine):
        assert set(gone) == {"loss"}
        made.rows = again(made, [event])
        assert set(accused_of_any(judge_shaped(made))) == {"duplicate"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_row_that_comes_again_is_a_duplicate(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    made.rows.append(dict(made.rows[14]))
    case = judge_shaped(made)
    assert accused(case, duplicate=1) == {"duplicate": 1}
    assert (case.processing.seen, case.delivery.seen) == ("exact", "at-least-once")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_range_of_rows_that_comes_again_is_so_many_duplicates(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    made.rows[20:20] = made.rows[10:20]
    assert accused(judge_shaped(made), duplicate=10) == {"duplicate": 10}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("late", [False, True])
def test_a_row_that_comes_again_with_another_value_is_a_conflict(name: str, late: bool, judge_shaped: JudgeShaped):
    made = shaped(name)
    other = made.rows[14] | {own(made.query): made.rows[14][own(made.query)] + 1}
    made.rows.insert(len(made.rows) if late else 0, other)
    case = judge_shaped(made)
    assert accused(case, wrong=1) == {"conflict": 1}
    assert case.processing.seen == "broken"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrong_value_is_named(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    field = made.query.fields[-4] if name in AUDITED else own(made.query)
    made.rows[14] = made.rows[14] | {field: made.rows[14][field] + 1}
    case = judge_shaped(made)
    assert accused(case, wrong=1) == {"wrong value": 1}
    assert f"{field} is {made.rows[14][field]}, expected {made.rows[14][field] - 1}" in case.reason
    assert case.processing.seen == "broken"


@pytest.mark.parametrize("name", EXAMPLES)
def test_values_swapped_between_rows_are_wrong_in_both(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    one = made.rows[14]
    place = next(n for n in range(15, len(made.rows)) if made.rows[n][own(made.query)] != one[own(made.query)])
    other = made.rows[place]
    fields = made.query.fields
    made.rows[14] = one | {name: other[name] for name in fields}
    made.rows[place] = other | {name: one[name] for name in fields}
    case = judge_shaped(made)
    kinds = accused(case, wrong=2)
    assert set(kinds) <= {"broken audit", "wrong value"}
    assert case.processing.seen == "broken"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_row_under_another_name(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    part = made.query.identity[-1]
    moved = made.rows[14] | {part: made.rows[14][part] + (1 if name in RENAMED else 7_000_000)}
    made.rows[14] = moved
    case = judge_shaped(made)
    if name in RENAMED:
        assert accused(case, wrong=1) == {"wrong value": 1}
        assert f"{part} is {moved[part]}, expected {moved[part] - 1}; every event is in it once" in case.reason
    else:
        assert accused(case, missing=1, unexpected=1) == {"loss": 1, "unexpected": 1}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_phantom_is_unexpected(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    made.rows.append(made.rows[14] | {part: made.rows[14][part] + 7_000_000 for part in made.query.identity})
    case = judge_shaped(made)
    assert accused(case, unexpected=1) == {"unexpected": 1}
    told = ("no ", "these events of this key are no pair", "its values are those of window ")
    assert case.offences[0].explanation.startswith(told)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_cut_tail_is_missing(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    del made.rows[-7:]
    assert accused(judge_shaped(made), missing=7) == {"loss": 7}


@pytest.mark.parametrize("first", range(300, 600, 30))
def test_an_event_lost_anywhere_in_a_session_is_named_whatever_becomes_of_its_bounds(
    first: int, judge_shaped: JudgeShaped
):
    made = shaped("session")
    event = made.events[first]
    made.rows = without(made, event)
    case = judge_shaped(made)
    assert set(case.kinds) == {"loss"}
    assert all(offence.ids == [event["id"]] for offence in case.offences)


@pytest.mark.parametrize("name", ["count", "sliding-count", "until"])
@pytest.mark.parametrize("lost", [2])
def test_events_lost_from_windows_in_sequence_are_named_in_all_rows_that_they_move(
    name: str, lost: int, judge_shaped: JudgeShaped
):
    made = shaped(name)
    key = made.events[COUNT // 3]["name"]
    gone = [event for event in made.events[COUNT // 3 :] if event["name"] == key][:lost]
    made.rows = made.answer([event for event in made.events if event not in gone])
    case = judge_shaped(made)
    assert set(case.kinds) == {"loss"}
    assert case.verdict.unexpected == 0
    named = {number for offence in case.offences if offence.count_as == "wrong" for number in offence.ids}
    assert named <= {event["id"] for event in gone}


def test_an_item_on_another_rank_takes_the_kind_of_what_moved_it(judge_shaped: JudgeShaped):
    made = shaped("top")
    assert isinstance(made.query.shape, Windowed) and isinstance(made.query.shape.top, Top)
    item = made.query.shape.top.item
    for row in made.rows:
        if row["rank"] != 1:
            continue
        mine = [
            event
            for event in made.events
            if event["name"] == row["key"] and row["start"] <= event["time"] < row["end"] and event[item] == row["item"]
        ]
        second = next((r for r in made.rows if made.identity(r) == (row["key"], row["start"], row["end"], 2)), None)
        third = next((r for r in made.rows if made.identity(r) == (row["key"], row["start"], row["end"], 3)), None)
        if second and third and second["count"] == row["count"] > third["count"] + 1:
            break
    made.rows = without(made, mine[0])
    case = judge_shaped(made)
    assert case.verdict.wrong == 2
    assert case.kinds == {"loss": 2}
    assert all(offence.ids == [mine[0]["id"]] for offence in case.offences)


@pytest.mark.parametrize("name", ["count", "running", "until", "machine", "deduplicate-running", "tumbling"])
def test_what_has_no_end_in_event_time_goes_on_from_phase_to_phase(name: str, judge_shaped: JudgeShaped):
    made = shaped(name)
    made.drained = 400
    paced, drain = judge_shaped.both(made)
    assert (paced.outcome, drain.outcome) == ("pass", "pass")
    assert paced.verdict.match + drain.verdict.match == len(made.rows)
    assert drain.verdict.match > 20
