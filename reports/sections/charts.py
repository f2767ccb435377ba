"""The charts of a run, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reports.elements import Details, Element, Figures, Hint
from reports.sections.section import PagePart, Report, Section


def _page(report: Report) -> Iterator[Element]:
    # Not sooner: what draws takes long to import, and a terminal needs none of it.
    from reports.figures import figures

    drawn = [(comparison.title, figures(comparison)) for comparison in report.comparisons]
    if not any(of_one for _, of_one in drawn):
        return
    yield Hint(
        "What is pale, or marked ✗, belongs to results that were wrong. The numbers of each chart stand under it."
    )
    yield Hint("The charts need JavaScript; the tables under them do not.", without_script=True)
    for title, of_one in drawn:
        if of_one:
            named = [replace(figure, of=title) for figure in of_one]
            yield Figures(of_one) if len(drawn) == 1 else Details(title, (Figures(named),))


section = Section("charts", page=PagePart("Charts", 60, _page, short_title="Charts"))
