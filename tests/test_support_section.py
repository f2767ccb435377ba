"""A report says which engines have no operator of their own for what was asked."""

from __future__ import annotations

from reports import sections
from reports.comparison import compare
from reports.elements import Table
from reports.sections.section import Report, Section
from results.result import RunResult
from tests import made_up


def tables(run: RunResult) -> list[Table]:
    section = sections.discover()["support"]
    assert isinstance(section, Section)
    assert section.page is not None
    return [
        element
        for element in section.page.elements(Report(run, tuple(compare(run)), "run"))
        if isinstance(element, Table)
    ]


def told(**emulated: str | None) -> RunResult:
    cases = [case.model_copy(update={"emulated": how}) for name, how in emulated.items() for case in made_up.pair(name)]
    return made_up.six().model_copy(update={"cases": cases})


def test_who_emulates_is_told_how_beside_those_who_do_not() -> None:
    (table,) = tables(told(a="", b="counts by a process function"))
    assert [row[1] for row in table.rows] == ["native", "emulated: counts by a process function"]


def test_who_could_not_answer_is_told_why() -> None:
    (table,) = tables(made_up.mixed())
    assert any(str(row[1]).startswith("unsupported: ") for row in table.rows)
    assert any(row[1] == "ran" for row in table.rows), "older results do not tell it"


def test_where_all_have_an_operator_there_is_no_section() -> None:
    assert tables(told(a="", b="")) == []
    assert tables(told(a=None)) == []
