"""How each engine answers each workload of a run: with an operator of its own, with others put together, or not."""

from __future__ import annotations

from collections.abc import Iterator

from reports import units
from reports.comparison import Row
from reports.elements import Element, Hint, Table
from reports.sections.section import PagePart, Report, Section


def _page(report: Report) -> Iterator[Element]:
    """Nothing where every engine has an operator of its own for all that was asked."""
    answers: dict[str, dict[str, list[str]]] = {}
    for row in report.rows:
        told = answers.setdefault(row.name, {}).setdefault(row.first.workload, [])
        if (answer := _answer(row)) not in told:
            told.append(answer)
    if all(answer in ("native", _NOT_TOLD) for each in answers.values() for told in each.values() for answer in told):
        return
    yield Hint("Native: the engine has an operator of its own for it. Emulated: it is put together from others.")
    workloads = list(dict.fromkeys(row.first.workload for row in report.rows))
    rows = [(name, *("; ".join(told.get(each, [units.NONE])) for each in workloads)) for name, told in answers.items()]
    yield Table("How each engine answers", ("engine", *workloads), rows)


_NOT_TOLD = "ran"
"""Older results do not tell it."""


def _answer(row: Row) -> str:
    if not row.ran:
        return f"{row.outcome}: {'; '.join(row.reasons)}"
    if row.emulated:
        return f"emulated: {'; '.join(row.emulated)}"
    return "native" if any(case.emulated is not None for case in row.cases) else _NOT_TOLD


section = Section("support", page=PagePart("How each engine answers", 48, _page, short_title="Support"))
