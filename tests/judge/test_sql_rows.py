"""Rows that a user's own SQL says are judged like those of a query; what is no answer convicts nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from results.history import Closing
from results.verdict.matching import Due, Matching
from results.verdict.sql_due import closed_by_ours
from tests.conformance.examples import EXAMPLES
from tests.judge.conftest import JudgeShaped
from tests.judge.recording import SECOND
from tests.judge.shapes import START_NS, Shaped, streamed
from workloads.query import SqlAnswer
from workloads.sql_answer import shape_of

OVER = 'OVER (PARTITION BY key ORDER BY partition, "offset")'
TOTALS = f"SELECT key, id, sum(amount) {OVER} AS total FROM input"
DECIDED = f"SELECT key, id, sum(amount) {OVER} AS total, id AS made_final_by FROM input"
LAST = "SELECT key, sum(amount) AS total, max(id) AS made_final_by FROM input GROUP BY key"
CLOSINGS = ((("amount", 1),),)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the seconds that another process takes to start; and this one is not bounded."""
    monkeypatch.setattr("results.verdict.sql_due.PROCESSES", 0)
    monkeypatch.setattr("results.verdict.sql_due._bound", lambda: None)


def totals(events: Sequence[Any]) -> list[dict[str, Any]]:
    """The running total of each event, in plain Python."""
    so_far: Counter[str] = Counter()
    rows = []
    for event in events:
        so_far[event["name"]] += event["amount"]
        rows.append({"key": event["name"], "id": event["id"], "total": so_far[event["name"]]})
    return rows


def told(statement: str = DECIDED, identity: Sequence[str] = ("id",), closings: Any = ()) -> Shaped:
    """Running totals, which are right, and a statement that says what is due."""
    plain = streamed(EXAMPLES["running"])
    shape = shape_of(statement, "answer.sql", plain.query, identity, closings)
    return Shaped(replace(plain.query, shape=shape), plain.events, rows=totals(plain.events))


@pytest.mark.parametrize("statement", [TOTALS, DECIDED])
def test_what_the_sql_says_is_right(statement: str, judge_shaped: JudgeShaped) -> None:
    made = told(statement)
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.match) == ("pass", len(made.events)), case.reason


def test_a_row_that_is_not_there_is_lost(judge_shaped: JudgeShaped) -> None:
    made = told()
    del made.rows[40:43]
    case = judge_shaped(made)
    assert (case.outcome, case.kinds) == ("fail", {"loss": 3})
    assert case.offences[0].ids == [40]
    assert "id 40" in case.reason


def test_of_a_lost_row_no_event_is_told_where_none_decides_it(judge_shaped: JudgeShaped) -> None:
    made = told(TOTALS)
    del made.rows[40]
    case = judge_shaped(made)
    assert (case.outcome, case.kinds) == ("fail", {"loss": 1})
    assert "there is no such row" in case.reason


def test_other_values_are_wrong(judge_shaped: JudgeShaped) -> None:
    made = told()
    made.rows[7] = {**made.rows[7], "total": made.rows[7]["total"] + 1}
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.wrong, case.kinds) == ("fail", 1, {"wrong value": 1})


def test_what_comes_again_is_a_duplicate(judge_shaped: JudgeShaped) -> None:
    made = told()
    made.rows = [*made.rows, *made.rows[-5:]]
    case = judge_shaped(made)
    assert (case.outcome, case.kinds) == ("fail", {"duplicate": 5})


def test_a_row_that_the_sql_does_not_say_is_unexpected(judge_shaped: JudgeShaped) -> None:
    made = told(f"SELECT * FROM ({DECIDED}) WHERE id <> 9")
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.unexpected) == ("fail", 1)
    assert "answer.sql says no such row of this key" in case.reason


def test_latency_is_known_where_the_deciding_event_is(judge_shaped: JudgeShaped) -> None:
    names = [
        {name for name in judge_shaped(told(each)).metrics if name.startswith("latency")} for each in (TOTALS, DECIDED)
    ]
    assert (names[0], bool(names[1])) == (set(), True)


@pytest.mark.parametrize(("statement", "outcome"), [(DECIDED, "fail"), (TOTALS, "pass")])
def test_a_row_before_its_deciding_event_is_premature(statement: str, outcome: str, judge_shaped: JudgeShaped) -> None:
    made = told(statement)
    recording = made.recording()
    recording.rows[500].visible_ns = START_NS + SECOND
    recording.rows.sort(key=lambda row: row.visible_ns)
    case = judge_shaped.recorded(made, recording)
    assert case.outcome == outcome, case.reason
    assert case.kinds.get("premature", 0) == (outcome == "fail")


def test_a_heartbeat_may_have_decided_a_row_before_its_event(judge_shaped: JudgeShaped) -> None:
    made = told(DECIDED)
    recording = made.recording()
    # Events come 10 ms apart, so that the second's heartbeat comes with number 500.
    recording.rows[500].visible_ns = START_NS + 5 * SECOND
    recording.rows[501].visible_ns = START_NS + 5 * SECOND + 9_000_000
    recording.rows.sort(key=lambda row: row.visible_ns)
    case = judge_shaped.recorded(made, recording)
    assert case.kinds == {"premature": 1}


def test_a_row_that_need_not_be_there_may_be_absent_and_must_be_right(judge_shaped: JudgeShaped) -> None:
    statement = DECIDED.replace(" FROM", ", id >= 100 AS due FROM")
    made = told(statement)
    del made.rows[10:20]
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.match) == ("pass", len(made.events) - 10), case.reason
    made.rows[0] = {**made.rows[0], "total": -1}
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.wrong) == ("fail", 1)


@pytest.mark.parametrize(("closings", "outcome"), [((), "pass"), (CLOSINGS, "fail")])
def test_what_no_event_decides_is_due_where_closing_events_are_known(
    closings: Any, outcome: str, judge_shaped: JudgeShaped
) -> None:
    made = told(DECIDED.replace("id AS made", "CASE WHEN id < 690 THEN id END AS made"), closings=closings)
    del made.rows[695]
    assert judge_shaped(made).outcome == outcome


def test_the_last_row_of_an_identity_counts_in_updates(judge_shaped: JudgeShaped) -> None:
    made = told(LAST, identity=())
    made.rows = [{name: row[name] for name in ("key", "total")} for row in made.rows]
    made.emits = "updates"
    case = judge_shaped(made)
    assert (case.outcome, case.verdict.match) == ("pass", len({row["key"] for row in made.rows})), case.reason
    made.rows[-1] = {**made.rows[-1], "total": made.rows[-1]["total"] + 1}
    assert judge_shaped(made).outcome == "fail"


def test_without_deciding_events_only_the_last_phase_is_judged(judge_shaped: JudgeShaped) -> None:
    made = told(TOTALS)
    made.drained = 200
    paced, drain = judge_shaped.both(made)
    assert (paced.outcome, drain.outcome) == ("pass", "unknown")
    assert "answer.sql has no column made_final_by" in drain.reason


def test_with_deciding_events_each_phase_has_its_rows(judge_shaped: JudgeShaped) -> None:
    made = told(DECIDED)
    made.drained = 200
    paced, drain = judge_shaped.both(made)
    assert (paced.verdict.match, drain.verdict.match) == (len(made.events) - 200, 200)
    assert (paced.outcome, drain.outcome) == ("pass", "pass")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (TOTALS.replace("id,", "nullif(id, 30) AS id,", 1), "NULL"),
        (TOTALS.replace("SELECT key", "SELECT key || 'x' AS key"), "which no event has"),
        (DECIDED.replace("id AS made", "id + 100000 AS made"), "the id of no event of the input"),
        ("SELECT key, id, sum(amount) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM input", "in another order"),
        ("SELECT key, id // 100 AS id, amount AS total FROM input", "two rows of one identity"),
    ],
)
def test_sql_that_is_no_answer_convicts_nobody(statement: str, why: str, judge_shaped: JudgeShaped) -> None:
    case = judge_shaped(told(statement))
    assert (case.outcome, case.not_judged) == ("unknown", False)
    assert "answer.sql" in case.reason
    assert why in case.reason


@pytest.mark.parametrize("statement", ["COPY input TO '{file}'", "SELECT key, id FROM input; COPY input TO '{file}'"])
def test_sql_of_a_stored_run_writes_nothing(statement: str, judge_shaped: JudgeShaped, tmp_path: Path) -> None:
    file = tmp_path / "written"
    made = told(TOTALS)
    shape = SqlAnswer(statement.replace("{file}", str(file)), "answer.sql", ("id",), ("total",), False, ())
    made.query = replace(made.query, shape=shape)
    case = judge_shaped(made)
    assert case.outcome == "unknown"
    assert "one SELECT statement" in case.reason
    assert not file.exists()


@pytest.mark.parametrize(
    ("statement", "outcome"),
    [(DECIDED, "pass"), (f"SELECT *, CAST(error(key) AS BIGINT) AS n FROM ({TOTALS})", "unknown")],
)
def test_it_is_asked_in_a_process_of_its_own(
    statement: str, outcome: str, judge_shaped: JudgeShaped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("results.verdict.sql_due.PROCESSES", 1)
    monkeypatch.setattr("workloads.sql_answer.answer", lambda *_: pytest.fail("it was asked here"))
    case = judge_shaped(told(statement))
    assert case.outcome == outcome, case.reason


def test_where_that_process_ends_nobody_is_convicted(
    judge_shaped: JudgeShaped, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any) -> Any:
        raise RuntimeError("a process of the judge ended in the middle of its task; is memory short?")

    monkeypatch.setattr("results.verdict.sql_due._ask", ended)
    case = judge_shaped(told())
    assert (case.outcome, "takes more memory, or longer" in case.reason) == ("unknown", True)


def test_a_row_that_closing_events_decided_is_of_their_phase() -> None:
    phases: Any = [
        SimpleNamespace(name="drain", timed=False, start_ns=0, committed_ns=10),
        SimpleNamespace(name="paced", timed=True, start_ns=100, committed_ns=None),
    ]
    history: Any = SimpleNamespace(of=lambda _: [Closing(at_ns=50, phase="drain", round=1, time_ms=1)])
    visible_ns = np.array([60, 40, 150, 60, 60])
    nothing, count = np.zeros(5, dtype=np.int64), len(visible_ns)
    due = Due(
        phases=np.array([1, 1, 1, 0, 1]),
        keys=nothing,
        identity=np.empty((0, count), dtype=np.int64),
        values=np.empty((0, count), dtype=np.int64),
        last_ids=nothing,
        timed=np.array([True, True, True, True, False]),
    )
    rows: Any = SimpleNamespace(visible_ns=visible_ns)
    flags, places = np.zeros(count, dtype=np.bool_), np.arange(count)
    matching = Matching(due, rows, places, nothing.astype(np.int8), flags, flags, nothing - 1, places)
    found = closed_by_ours(history, phases, matching).due
    assert found.phases.tolist() == [0, 1, 1, 0, 1]
    assert found.timed.tolist() == [False, True, True, True, False]


def test_too_many_events_are_said_to_be_too_many(judge_shaped: JudgeShaped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("results.verdict.sql_due.MOST_EVENTS", 100)
    case = judge_shaped(told())
    assert (case.outcome, "run it shorter" in case.reason) == ("unknown", True)
