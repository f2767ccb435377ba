"""An answer in SQL: its file is read beside the job file, and what is wrong is told with file and line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.own_job import OwnJob
from harness.failure import TrialFailure
from harness.planning import planner
from harness.planning.catalogue import discover
from harness.planning.job_answer import MOST_SQL_BYTES
from harness.planning.job_file import load
from harness.planning.planner import Selection
from harness.planning.request import Request, resolve
from harness.planning.suite import InvalidRequest
from harness.problem import ExitCode
from harness.trial import Trial
from results.plan import RunPlan
from tests.job_files import EXAMPLES, changed, written
from workloads.control import awaited, closing
from workloads.query import Query, SqlAnswer

KNOWN = discover()
SQL = "SELECT key, id, amount // 100 AS fee, id AS made_final_by\nFROM input\nWHERE amount >= 500000 -- ключ 😀\n"
ANSWER = 'sql = "answer.sql", identity = ["id"]'
CLOSING = "\n[closing]\nevents = [{ amount = 500000 }]\n"


def asking(answer: str = ANSWER, more: str = "") -> str:
    return changed('each_once = "header:sg-id"', answer) + more


def made(folder: Path, sql: str = SQL, answer: str = ANSWER, more: str = CLOSING) -> OwnJob:
    (folder / "answer.sql").write_text(sql)
    return load(written(folder, asking(answer, more)), KNOWN)


def refusals(folder: Path, sql: str = SQL, answer: str = ANSWER, more: str = "") -> list[str]:
    with pytest.raises(InvalidRequest) as told:
        made(folder, sql, answer, more)
    assert all(problem.exit_code == ExitCode.USAGE for problem in told.value.problems)
    return [f"{p.what} | {p.where} | {p.remedy}".replace(f"{folder}/", "") for p in told.value.problems]


def planned(job: OwnJob, engines: tuple[str, ...] = ()) -> RunPlan:
    known = KNOWN.with_job(job)
    chosen = Selection(engines or (job.name,), job_sha256=job.sha256)
    name, content, chosen = resolve(Request("ci", chosen, {}, job=job.terms), known)
    return planner.make(name, content, chosen, known, ("kafka", None), lambda *_: None, "run")


def shape(job: OwnJob) -> SqlAnswer:
    found = KNOWN.workloads["own-sql"].query(job.terms.parameters)  # type: ignore[union-attr]
    assert isinstance(found.shape, SqlAnswer)
    return found.shape


def test_the_sql_beside_a_job_file_says_its_rows(tmp_path: Path) -> None:
    job = made(tmp_path)
    assert (job.terms.workload, job.terms.id_place) == ("own-sql", None)
    assert shape(job) == SqlAnswer(SQL, "answer.sql", ("id",), ("fee",), True, ((("amount", 500000),),))


def test_the_plan_keeps_the_sql_as_it_was_written(tmp_path: Path) -> None:
    plan = planned(made(tmp_path))
    (case,) = plan.cases
    assert (case.workload, case.blocked, case.parameters["sql"]) == ("own-sql", None, SQL)
    assert RunPlan.model_validate_json(plan.model_dump_json()) == plan


def test_the_query_of_a_plan_is_stored_and_read_again(tmp_path: Path) -> None:
    query = KNOWN.workloads["own-sql"].query(made(tmp_path).terms.parameters)  # type: ignore[union-attr]
    assert Query.from_json(query.to_json()) == query


def test_only_the_program_of_the_job_file_is_asked(tmp_path: Path) -> None:
    job = made(tmp_path)
    cases = planned(job, (job.name, "flink", "kafka-streams")).cases
    blocked = {case.engine: case.blocked.reason for case in cases if case.blocked is not None}
    assert set(blocked) == {"flink", "kafka-streams"}
    assert all("program of a job file" in reason for reason in blocked.values())


def test_without_a_job_file_it_cannot_run() -> None:
    workload = KNOWN.workloads["own-sql"]
    lack = workload.lacking(workload.defaults)  # type: ignore[union-attr]
    assert "--job" in lack.remedy


def test_other_sql_is_another_job(tmp_path: Path) -> None:
    digests = {made(tmp_path, sql).sha256 for sql in (SQL, SQL.replace("100", "10"))}
    assert len(digests) == 2


def test_events_of_another_workload_may_be_asked(tmp_path: Path) -> None:
    sql = "SELECT key, count(*) AS n, sum(temperature) AS total FROM input GROUP BY key"
    job = made(tmp_path, sql, 'sql = "answer.sql", events = "sensors", parameters = { keys = 7 }', "")
    case = planned(job).cases[0]
    query = KNOWN.workloads["own-sql"].query(case.parameters)  # type: ignore[union-attr]
    assert query.key == KNOWN.workloads["sensors"].query(case_parameters()).key  # type: ignore[union-attr]
    assert (query.identity, query.fields, query.where, query.derived) == ((), ("n", "total"), (), ())


def case_parameters() -> dict[str, int | float | str]:
    return dict(KNOWN.workloads["sensors"].defaults)  # type: ignore[union-attr]


def test_updates_are_claimed(tmp_path: Path) -> None:
    job = made(tmp_path, answer=f'{ANSWER}, emits = "updates"')
    assert job.claim("exactly-once", "default").emits == "updates"
    assert made(tmp_path).claim("exactly-once", "default").emits == "final"


def test_closing_events_look_as_told(tmp_path: Path) -> None:
    query = KNOWN.workloads["own-sql"].query  # type: ignore[union-attr]
    told = query(made(tmp_path).terms.parameters)
    assert awaited(told)
    assert [dict(event.values) for event in closing(told)] == [{"amount": 500000}]
    plain = query(made(tmp_path, more="").terms.parameters)
    assert not awaited(plain)
    assert [dict(event.values) for event in closing(plain)] == [{}]


@pytest.mark.parametrize(
    ("answer", "more", "said"),
    [
        (
            f"{ANSWER}, workload = 'sensors'",
            "",
            r"`answer`: one of `workload`, `each_once` and `sql`.* \| mine.toml:12",
        ),
        ("identity = ['id'], each_once = 'key'", "", r"`identity` stands beside `sql`"),
        ("events = 'sensors', each_once = 'key'", "", r"`events` stands beside `sql`"),
        ("emits = 'final', each_once = 'key'", "", r"`emits` stands beside `sql`"),
        (f"{ANSWER}, emits = 'sometimes'", "", r"`emits` cannot be 'sometimes'.*'final' or 'updates'"),
        ("sql = 'answer.sql', identity = ['id', 'ID']", "", r"`identity` names a column twice"),
        ("sql = 'answer.sql', identity = ['key']", "", r"`identity` cannot name key"),
        ("sql = 'answer.sql', identity = ['start']", "", r"no column 'start', but key, id, fee.* \| answer.sql:3"),
        ("sql = 'no.sql'", "", r"cannot be read: No such file.*no.sql \| mine.toml:12 \(job.answer\)"),
        ("sql = '.'", "", r"cannot be read: not a regular file"),
        ("sql = ''", "", r"`sql`: .*at least 1 character.* \| mine.toml:12"),
        ("sql = 7", "", r"`sql`: .*string"),
        ("workload = 'own-sql'", "", r"own-sql needs a file with SQL \| mine.toml:12 .*`sql = FILE`"),
        (r'sql = "a\u0000b"', "", r"`sql`: holds a character that cannot be seen \| mine.toml:12"),
        (f"{ANSWER}, events = 'sensor'", "", r"unknown workload `sensor`.*Did you mean `sensors`"),
        (f"{ANSWER}, events = 'replay'", "", r"the events of 'replay' cannot be asked in SQL.*allowed: .*sensors"),
        (f"{ANSWER}, events = 'own-sql'", "", r"the events of 'own-sql' cannot be asked in SQL"),
        (f"{ANSWER}, parameters = {{ kys = 1 }}", "", r"unknown parameter of each-once `kys`"),
        (ANSWER, "\n[closing]\nevents = []\n", r"`events`: .*at least 1 item.* \| mine.toml:15 \(closing.events\)"),
        (ANSWER, "\n[closing]\nevents = [{ amount = -1 }]\n", r"greater than or equal to 0.* \| mine.toml:15"),
        (ANSWER, "\n[closing]\nevents = [{ amount = '1' }]\n", r"valid integer"),
        (ANSWER, "\n[closing]\nevents = [{ colour = 1 }]\n", r"cannot have the column 'colour'.*allowed: amount"),
        (ANSWER, "\n[closing]\nevents = [{ id = 1 }]\n", r"cannot have the column 'id'"),
        ("each_once = 'key'", CLOSING, r"`\[closing\]` is for an answer in SQL.* \| mine.toml:14"),
    ],
)
def test_what_is_wrong_in_the_job_file_is_said_with_its_line(tmp_path: Path, answer: str, more: str, said: str) -> None:
    found = refusals(tmp_path, answer=answer, more=more)
    assert any(re.search(said, one) for one in found), found


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("", r"the file with SQL is empty \| answer.sql"),
        (" \n", r"the file with SQL is empty"),
        ("SELECT key,\n  id\nFROM inputs", r"Table with name inputs does not exist.* \| answer.sql:3"),
        ("SELECT key,\n  idd AS id\nFROM input", r'"idd" not found.* \| answer.sql:2'),
        ("SELEC key", r"syntax error.* \| answer.sql:1"),
        ("COPY input TO 'x'", r"one SELECT statement; there is COPY \| answer.sql:1 \| Write one SELECT"),
        ("SELECT key, id,\n amount / 2 AS half FROM input", r"column 'half' is DOUBLE.* \| answer.sql:2 \| Cast it"),
        ("SELECT key, id FROM input\n\x1b[31m", r"a character that cannot be seen \('\\x1b'\) \| answer.sql:2"),
        ("SELECT key, id FROM read_csv('/etc/passwd')", r"disabled by configuration"),
    ],
)
def test_what_is_wrong_in_the_sql_is_said_with_its_line(tmp_path: Path, sql: str, said: str) -> None:
    found = refusals(tmp_path, sql)
    assert any(re.search(said, one) for one in found), found
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.sql", "mine.toml"]


def test_a_file_that_is_too_large_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    assert "more than" in refusals(tmp_path, SQL + " " * MOST_SQL_BYTES)[0]
    file = tmp_path / "answer.sql"
    written(tmp_path, asking())
    for content, said in ((b"SELECT \xff", "not UTF-8"), (None, "not a regular file")):
        file.unlink()
        if content is None:
            os.mkfifo(file)  # Whoever opens it would wait for its other end.
        else:
            file.write_bytes(content)
        with pytest.raises(InvalidRequest) as told:
            load(tmp_path / "mine.toml", KNOWN)
        assert said in told.value.problems[0].what


def test_the_sql_is_looked_up_beside_the_job_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "answer.sql").write_text(SQL)
    file = written(tmp_path, asking())
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert shape(load(Path("..") / file.name, KNOWN)).statement == SQL


def test_the_example_says_what_its_program_writes() -> None:
    found = shape(load(EXAMPLES / "fees.toml", KNOWN))
    assert (found.identity, found.values, found.timed) == (("id",), ("fee",), True)


# A phase ends without rows of closing events.


def trial_of(query: Query, counts: list[int]) -> Any:
    """As much of a trial as ends a phase. counts: of rows, as the collector tells them; the last one stays."""
    asked: Any = Trial.__new__(Trial)

    def status(*_: object) -> dict[str, Any]:
        rows = counts.pop(0) if len(counts) > 1 else counts[0]
        return {"rows": rows, "last_row_ns": rows * 10, "closings": []}

    asked._query, asked._case = query, SimpleNamespace(partitions=2)
    asked._generator = SimpleNamespace(ask=lambda *_: {"first_id": 1})
    asked._collector = SimpleNamespace(ask=status)
    asked._equipment = SimpleNamespace(kind="kafka", site=SimpleNamespace(logs=Path("logs")))
    asked._attend, asked._say, asked._unit_ms, asked._base_ms = lambda: None, lambda _: None, 60_000, 0
    return asked


def test_without_closing_events_a_phase_ends_once_results_stand_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trial.STANDS_STILL_S", 0.05)
    query = KNOWN.workloads["own-sql"].query(made(tmp_path, more="").terms.parameters)  # type: ignore[union-attr]
    rounds: list[int] = []
    counts = [1, 2, 3, 3, 4]
    assert trial_of(query, counts)._await_closings(1000, lambda number, _: rounds.append(number)) == 40
    assert (counts, rounds[:1]) == ([4], [1])


def test_without_closing_events_no_first_answer_is_awaited(tmp_path: Path) -> None:
    query = KNOWN.workloads["own-sql"].query(made(tmp_path, more="").terms.parameters)  # type: ignore[union-attr]
    trial = trial_of(query, [0])
    trial._generator = None  # Nothing is sent.
    trial._await_answer()
    assert trial._base_ms == 0


def test_with_closing_events_a_phase_that_has_no_rows_of_theirs_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trial.PATIENCE_S", 0.05)
    query = KNOWN.workloads["own-sql"].query(made(tmp_path).terms.parameters)  # type: ignore[union-attr]
    trial = trial_of(query, [0])
    trial._phase = "paced"
    with pytest.raises(TrialFailure, match="closing keys"):
        trial._await_closings(1000, lambda *_: None)
