"""What a right answer of a user's own program is, as a job file says it: a workload that is answered, and by which of
its parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from engines.protocol import IdPlace
from harness.planning.catalogue import Catalogue
from harness.planning.suite import parameter
from harness.planning.tables import Table, several, unknown
from harness.planning.toml_source import Places
from harness.problem import ExitCode, Problem
from workloads import own_sql
from workloads.discovery import Unavailable
from workloads.query import Query
from workloads.regular_file import read_regular
from workloads.sql_answer import WrongSql
from workloads.workload import Parameters, Unfit

EACH_ONCE = "each-once"
"""The workload that an answer `each_once` is of."""

MOST_SQL_BYTES = 1 << 16
"""Of a file with SQL (64 KiB): it is kept in the plan of each run."""

MOST_CLOSINGS = 100
"""Closing events of a key."""

_BLANKS = "\t\n\r"


def _place(told: str) -> str:
    if not re.fullmatch(r"key|(header|value):.{1,200}", told):
        raise ValueError('says where the id is: "header:NAME", "value:FIELD" or "key"')
    return told


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a character that cannot be seen")
    return text


Name = Annotated[str, Field(min_length=1, max_length=200)]
FileName = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_printable)]
Integer = Annotated[int, Field(strict=True, ge=0, lt=2**53)]


class AnswerTable(Table):
    """What a right answer is: one of `workload`, `each_once` and `sql`."""

    workload: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """The name of a workload: its rows, as JSON objects."""
    parameters: dict[str, Any] = Field(default={})
    """Beside `workload` or `sql`: parameters that the answer rests on, such as the length of a window."""
    each_once: Annotated[str, AfterValidator(_place)] | None = None
    """Each event once: where a record of the output has its id, as "header:NAME", "value:FIELD" or "key"."""
    in_order: Annotated[bool, Field(strict=True)] = False
    """Beside `each_once`: whether the records of a key are in the order of its events, in one partition."""
    sql: FileName | None = None
    """A file with SQL that says the rows, looked up beside the job file."""
    identity: Annotated[tuple[Name, ...], BeforeValidator(several)] = Field(default=(), max_length=20)
    """Beside `sql`: the columns that together with the key name a row."""
    events: Name | None = None
    """Beside `sql`: the workload whose events come; `each-once` where nothing is given."""
    emits: Literal["final", "updates"] = "final"
    """Beside `sql`: whether each row comes once, or again whenever it changes, so that the last one counts."""

    @model_validator(mode="after")
    def _is_one(self) -> AnswerTable:
        given = [name for name in ("workload", "each_once", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("one of `workload`, `each_once` and `sql` must be there, and no other of them")
        if self.parameters and self.each_once is not None:
            raise ValueError("`parameters` stand beside `workload` or `sql`")
        if self.in_order and self.each_once is None:
            raise ValueError("`in_order` stands beside `each_once`")
        beside = [name for name in ("identity", "events", "emits") if name in self.model_fields_set]
        if beside and self.sql is None:
            raise ValueError(f"`{beside[0]}` stands beside `sql`")
        if len({name.lower() for name in self.identity}) < len(self.identity):
            raise ValueError("`identity` names a column twice")
        if ours := {"key", "made_final_by", "due"} & {name.lower() for name in self.identity}:
            raise ValueError(f"`identity` cannot name {min(ours)}: beside the key, it says which row it is")
        return self

    @property
    def id_place(self) -> IdPlace | None:
        if self.each_once is None:
            return None
        kind, _, name = self.each_once.partition(":")
        return IdPlace(kind, name)  # type: ignore[arg-type]  # the pattern has no other


class ClosingTable(Table):
    """How closing events look, where the answer is SQL."""

    events: tuple[dict[Name, Integer], ...] = Field(min_length=1, max_length=MOST_CLOSINGS)
    """The events of one key, in their order, for which the program writes at least one row: of each, the integer
    columns that are not 0."""


@dataclass(frozen=True)
class JobAnswer:
    """A workload that a program answers."""

    workload: str
    """Its name."""
    parameters: Parameters
    """Those of its parameters that the answer rests on."""
    query: Query
    """What is asked with these."""
    sql: str = ""
    """What a file beside the job file held; empty where there is none."""


def answered(
    table: AnswerTable, closing: ClosingTable | None, folder: Path, catalogue: Catalogue, places: Places
) -> JobAnswer | list[Problem]:
    """The workload that is answered, or all that is wrong. folder: of the job file."""
    where = places.of(("job", "answer"))
    if closing is not None and table.sql is None:
        what = "`[closing]` is for an answer in SQL: of other answers it is known how closing events look"
        return [Problem(what, places.of(("closing",)), "Leave it out", ExitCode.USAGE)]
    name = table.workload or (EACH_ONCE if table.sql is None else table.events or own_sql.EVENTS)
    problems = list(_unknown(name, table, catalogue, where))
    if problems:
        return problems
    workload = catalogue.workloads[name]
    assert not isinstance(workload, Unavailable), "refused before"  # noqa: S101
    own = {key: parameter(workload, key, value) for key, value in table.parameters.items()}
    given: Parameters = {**workload.defaults, **own}
    if table.each_once is not None:
        given = {"order": "key" if table.in_order else "none"}
    try:
        if table.sql is not None:
            return _by_sql(table, closing, folder, given, name, where)
        return JobAnswer(name, given, workload.query({**workload.defaults, **given}))
    except Unfit as unfit:
        return [Problem(unfit.what, where, unfit.remedy, ExitCode.USAGE)]
    except (ValueError, ArithmeticError) as error:
        return [Problem(f"its parameters do not fit: {error}", where, "Correct them", ExitCode.USAGE)]


def _unknown(name: str, table: AnswerTable, catalogue: Catalogue, where: str) -> Iterator[Problem]:
    """A workload that does not exist, or parameters that it does not have."""
    workload = catalogue.workloads.get(name)
    if workload is None:
        yield unknown("workload", name, catalogue.workloads, where)
    elif table.workload == own_sql.workload.name:
        yield Problem(f"{name} needs a file with SQL", where, "Write `sql = FILE` in place of it", ExitCode.USAGE)
    elif isinstance(workload, Unavailable):
        yield Problem(f"workload {name} cannot be loaded: {workload.why}", where, "Name another", ExitCode.USAGE)
    else:
        for key, value in table.parameters.items():
            if key not in workload.defaults:
                yield unknown(f"parameter of {name}", key, workload.defaults, where)
                continue
            try:
                parameter(workload, key, value)
            except ValueError as error:
                remedy = f"Its default is {workload.defaults[key]!r}"
                yield Problem(f"`{key}`: {error}", where, remedy, ExitCode.USAGE)


def _by_sql(
    table: AnswerTable, closing: ClosingTable | None, folder: Path, given: Parameters, events: str, where: str
) -> JobAnswer | list[Problem]:
    file = folder / str(table.sql)
    sql = _read(file, where)
    if isinstance(sql, Problem):
        return [sql]
    closings = [] if closing is None else [dict(event) for event in closing.events]
    try:
        parameters = own_sql.told(sql, file.name, table.identity, closings, events, given)
    except WrongSql as wrong:
        at = f"{file}{f':{wrong.line}' if wrong.line else ''}"
        return [Problem(wrong.what, at, wrong.remedy[:1].upper() + wrong.remedy[1:], ExitCode.USAGE)]
    return JobAnswer(own_sql.workload.name, parameters, own_sql.workload.query(parameters), sql)


def _read(file: Path, where: str) -> str | Problem:
    """The text of a file with SQL, or what is wrong with it."""
    remedy = "Name in `sql` a file with one SELECT, by its path from the job file's folder"
    try:
        text = read_regular(file, most_bytes=MOST_SQL_BYTES).decode()
    except OSError as error:
        return Problem(f"the file with SQL cannot be read: {error.strerror}: {file}", where, remedy, ExitCode.USAGE)
    except UnicodeDecodeError:
        return Problem("the file with SQL is not UTF-8", str(file), "Write it in UTF-8", ExitCode.USAGE)
    for number, line in enumerate(text.split("\n"), 1):
        if strange := next((sign for sign in line if not sign.isprintable() and sign not in _BLANKS), None):
            what = f"the file with SQL has a character that cannot be seen ({strange!a})"
            return Problem(what, f"{file}:{number}", "Take it out", ExitCode.USAGE)
    if not text.strip():
        return Problem("the file with SQL is empty", str(file), remedy, ExitCode.USAGE)
    return text
