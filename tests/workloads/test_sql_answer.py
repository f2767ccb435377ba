"""A user's SQL says the rows that are due, of the events alone: whatever it tries beside that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workloads import sql_answer
from workloads.each_once import workload as each_once
from workloads.query import Column, Query, SqlAnswer
from workloads.sql_answer import PlacedEvents, SqlRows, WrongSql, answer, columns_of, shape_of, table
from workloads.stream import Events, Segment

QUERY = each_once.query(each_once.defaults)
COUNT = 40
RUNNING = """
SELECT key, id, sum(amount) OVER (PARTITION BY key ORDER BY partition, "offset") AS total, id AS made_final_by
FROM input
"""


def events() -> Events:
    segment = Segment(0, COUNT, 1_795_500_000_000, 100.0)
    return each_once.events({**each_once.defaults, "keys": 4}, 1, segment, np.arange(COUNT, dtype=np.int64))


def placed() -> PlacedEvents:
    made = events()
    return PlacedEvents(
        made,
        partitions=made.keys % 2,
        offsets=np.arange(COUNT, dtype=np.int64),
        appended_ms=made.times + 7,
        late=made.ids % 10 == 9,
    )


def said(statement: str, *identity: str, query: Query = QUERY) -> SqlRows:
    shape = shape_of(statement, "a.sql", query, identity)
    return answer(shape, table(query, [placed()]), events().labels)


def refused(statement: str, *identity: str) -> WrongSql:
    with pytest.raises(WrongSql) as told:
        said(statement, *identity)
    return told.value


def test_what_it_says_is_in_columns() -> None:
    rows, made = said(RUNNING, "id"), events()
    assert len(rows.keys) == COUNT
    assert rows.required.all()
    assert rows.decided.tolist() == rows.columns["id"].tolist()
    for key, number, total in zip(rows.keys, rows.columns["id"], rows.columns["total"], strict=True):
        mine = (made.keys == key) & (made.ids <= number)
        assert total == made.values["amount"][mine].sum()


def test_the_shape_has_the_columns_of_the_statement() -> None:
    shape = shape_of(RUNNING, "a.sql", QUERY, ["id"])
    assert (shape.identity, shape.values, shape.timed) == (("id",), ("total",), True)
    plain = shape_of("SELECT key, count(*) AS n, true AS due FROM input GROUP BY key", "a.sql", QUERY, [])
    assert (plain.identity, plain.values, plain.timed) == ((), ("n",), False)


def test_every_column_of_an_event_is_there() -> None:
    statement = """
        SELECT key, id, partition AS p, "offset" AS o, append_time AS a, event_time AS e,
            CAST(late AS INTEGER) AS l, amount, "check"
        FROM input
    """
    rows, there, made = said(statement, "id"), placed(), events()
    order = np.argsort(rows.columns["id"])
    found = {name: column[order].tolist() for name, column in rows.columns.items()}
    assert rows.keys[order].tolist() == made.keys.tolist()
    assert found == {
        "id": made.ids.tolist(),
        "p": there.partitions.tolist(),
        "o": there.offsets.tolist(),
        "a": there.appended_ms.tolist(),
        "e": made.times.tolist(),
        "l": there.late.astype(int).tolist(),
        "amount": made.values["amount"].tolist(),
        "check": made.checks.tolist(),
    }


def test_a_column_that_is_called_as_ours_has_another_name() -> None:
    columns = tuple(Column(name, "integer") for name in ("Offset", "amount"))
    found = columns_of(replace(QUERY, columns=(*QUERY.columns[:4], *columns)))
    assert found == {"check": "check", "Offset": "Offset_", "amount": "amount"}


@pytest.mark.parametrize(
    ("due", "decided", "wanted"),
    [("true", "id", (True, False)), ("false", "NULL", (False, True)), ("id < 0", "nullif(id, id)", (False, True))],
)
def test_rows_may_be_absent_and_undecided(due: str, decided: str, wanted: tuple[bool, bool]) -> None:
    rows = said(f"SELECT key, id, {due} AS due, {decided} AS made_final_by FROM input", "id")
    assert (bool(rows.required.all()), bool((rows.decided < 0).all())) == wanted
    assert bool(rows.required.any()) == wanted[0]


def test_no_rows_are_an_answer() -> None:
    rows = said("SELECT key, id FROM input WHERE false", "id")
    assert (len(rows.keys), rows.columns["id"].tolist(), rows.required.tolist()) == (0, [], [])


def test_no_events_are_no_error() -> None:
    shape = shape_of(RUNNING, "a.sql", QUERY, ["id"])
    assert len(answer(shape, table(QUERY, []), ()).keys) == 0


def test_sums_of_128_bits_and_small_integers_are_integers() -> None:
    statement = "SELECT key, sum(id) AS s, CAST(1 AS UTINYINT) AS u, CAST(2 AS SMALLINT) AS v FROM input GROUP BY key"
    assert set(said(statement).columns) == {"s", "u", "v"}


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("COPY input TO '{file}'", "one SELECT statement; there is COPY"),
        ("ATTACH '{file}' AS other", "one SELECT statement; there is ATTACH"),
        ("INSTALL httpfs", "one SELECT statement; there is LOAD"),
        ("LOAD httpfs", "one SELECT statement; there is LOAD"),
        ("PRAGMA database_list", "one SELECT statement; there is PRAGMA"),
        ("SET memory_limit = '1TB'", "one SELECT statement"),
        ("CALL pragma_version()", "one SELECT statement; there is CALL"),
        ("CREATE TABLE t AS SELECT 1", "one SELECT statement; there is CREATE"),
        ("DROP TABLE input", "one SELECT statement; there is DROP"),
        ("DELETE FROM input", "one SELECT statement; there is DELETE"),
        ("EXPLAIN SELECT 1", "one SELECT statement; there is EXPLAIN"),
        ("SELECT key FROM input; SELECT key FROM input", "one SELECT statement; there are SELECT, SELECT"),
        ("SELECT key FROM input; COPY input TO '{file}'", "one SELECT statement; there are SELECT, COPY"),
        ("PIVOT input ON late USING sum(id)", "one SELECT statement"),
        ("-- nothing", "one SELECT statement; there is none"),
        ("SELECT key, ? AS x FROM input", "it has a parameter"),
        ("SELECT key, $x AS x FROM input", "it has a parameter"),
        ("SELECT content AS key FROM read_text('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM read_parquet('https://example.com/x.parquet')", "Error"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT file AS key FROM glob('/*')", "disabled by configuration"),
        ("SELECT getenv('HOME') AS key", "does not exist"),
        ("SELECT key FROM events", "does not exist"),
        ("SELEC key", "syntax error"),
        ("SELECT key FROM", "syntax error"),
        ("SHOW TABLES", "no column 'key'"),
        ("SUMMARIZE input", "no column 'key'"),
    ],
)
def test_what_is_no_plain_question_is_refused(statement: str, what: str, tmp_path: Path) -> None:
    file = tmp_path / "out"
    assert what in refused(statement.replace("{file}", str(file))).what
    assert not file.exists()


def test_our_own_variables_are_no_tables() -> None:
    placed_events = [1, 2, 3]  # What DuckDB would find in Python, by its name.
    assert "does not exist" in refused("SELECT key FROM placed_events").what
    assert len(placed_events) == 3


def test_settings_cannot_be_changed_and_none_opens_a_file(tmp_path: Path) -> None:
    with sql_answer._sandbox(table(QUERY, [placed()]), events().labels) as database:
        for statement in (
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "SET memory_limit = '1TB'",
            "RESET memory_limit",
            f"COPY input TO '{tmp_path / 'x'}'",
            f"ATTACH '{tmp_path / 'x.db'}'",
            "INSTALL json FROM 'https://example.com'",
            f"EXPORT DATABASE '{tmp_path / 'all'}'",
        ):
            with pytest.raises(sql_answer.duckdb.Error):
                database.execute(statement)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("statement", "identity", "what", "line"),
    [
        ("SELECT id FROM input", [], "it has no column 'key', but id", 1),
        ("SELECT key\nFROM input", ["id"], "it has no column 'id', but key", 2),
        ("SELECT key,\n  amount / 7 AS part\nFROM input", [], "column 'part' is DOUBLE", 2),
        ("SELECT key,\n  'x' AS word\nFROM input", [], "column 'word' is VARCHAR", 2),
        ("SELECT key,\n  now() AS moment\nFROM input", [], "column 'moment' is TIMESTAMP", 2),
        ("SELECT key,\n  late\nFROM input", [], "column 'late' is BOOLEAN", 2),
        ("SELECT key,\n  NULL AS n\nFROM input", [], "column 'n' is", 2),
        ("SELECT id AS key\nFROM input", [], "column 'key' is BIGINT", 1),
        ("SELECT key,\n  1 AS due\nFROM input", [], "column 'due' is INTEGER", 2),
        ("SELECT key,\n  'x' AS made_final_by\nFROM input", [], "column 'made_final_by' is VARCHAR", 2),
        ("SELECT key,\n  id, id\nFROM input", ["id"], "column 'id' is there twice", 2),
        ("SELECT key,\n  id AS last_id\nFROM input", [], "cannot be called 'last_id'", 2),
        ("SELECT key\nFROM inpt", [], "Table with name inpt does not exist", 2),
        ("SELECT key,\n  amuont\nFROM input", [], '"amuont" not found', 2),
    ],
)
def test_columns_that_no_row_can_have_are_told_with_their_line(
    statement: str, identity: Sequence[str], what: str, line: int
) -> None:
    told = refused(statement, *identity)
    assert what in told.what
    assert told.line == line
    assert told.remedy


@pytest.mark.parametrize(
    ("statement", "identity", "what"),
    [
        ("SELECT key, nullif(id, 7) AS id FROM input", ["id"], "column 'id' is NULL in the row with key 'source-"),
        ("SELECT key, id, nullif(amount, amount) AS a FROM input", ["id"], "column 'a' is NULL"),
        ("SELECT nullif(key, key) AS key, id FROM input", ["id"], "column 'key' is NULL"),
        ("SELECT key, id, nullif(id > 0, true) AS due FROM input", ["id"], "column 'due' is NULL"),
        ("SELECT key, id FROM input", [], "it says two rows of one identity"),
        ("SELECT key, id // 20 AS part FROM input", ["part"], "it says two rows of one identity"),
        ("SELECT key || 'x' AS key, id FROM input", ["id"], "which no event has"),
        ("SELECT key, id, CAST(10 AS HUGEINT) * 1000000000000000000 * 10 AS a FROM input", ["id"], "Error"),
        ("SELECT key, id, row_number() OVER () AS n FROM input", ["id"], "in another order"),
        ("SELECT key, id, CAST(random() * 1e9 AS BIGINT) AS n FROM input", ["id"], "in another order"),
        ("SELECT key, id, CAST(error('no') AS BIGINT) AS n FROM input", ["id"], "no"),
    ],
)
def test_rows_that_none_can_be_held_against_are_refused(statement: str, identity: Sequence[str], what: str) -> None:
    assert what in refused(statement, *identity).what


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'a' AS key, max(i) AS m FROM n",
        "SELECT 'a' AS key, count(*) AS n FROM range(10000000000000) AS a(i), input WHERE i % 7 = id",
    ],
)
def test_what_has_no_end_is_ended(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_answer, "SECONDS", 0.3)
    assert "takes longer than" in refused(statement).what


def test_what_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_answer, "MEMORY_MB", 32)
    statement = "SELECT 'a' AS key, len(list(i)) AS n FROM range(100000000) AS a(i)"
    assert "more memory than 32 MiB" in refused(statement).what


def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_answer, "MOST_BYTES", 10_000)
    assert "its rows take more than" in refused("SELECT key, i AS n FROM input, range(10000) AS a(i)", "n").what


def test_too_many_columns_are_refused() -> None:
    columns = ", ".join(f"1 AS c{number}" for number in range(101))
    assert "more than 100" in refused(f"SELECT key, {columns} FROM input").what


def test_a_column_of_another_run_than_was_planned_is_told() -> None:
    shape = SqlAnswer("SELECT key, id FROM input", "a.sql", ("id",), ("total",), False, ())
    with pytest.raises(WrongSql, match="not those that were planned"):
        answer(shape, table(QUERY, [placed()]), events().labels)


def test_a_statement_may_have_comments_at_its_end_and_a_semicolon() -> None:
    assert len(said("-- first\nSELECT key, id FROM input; -- last", "id").keys) == COUNT


def test_what_is_told_names_file_and_line() -> None:
    told = refused("SELECT key,\n  amuont\nFROM input")
    assert told.told("a.sql").startswith("a.sql, line 2: ")
