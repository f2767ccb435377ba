"""Two runs compared: what changed from another result to the one of this report."""

from __future__ import annotations

from collections.abc import Iterator

from reports import change_text
from reports.changes import changes
from reports.elements import Element
from reports.sections.section import PagePart, Report, Section


def _page(report: Report) -> Iterator[Element]:
    if report.against is not None:
        yield from change_text.elements(changes([report.against, (report.run.run, report.run)]))


section = Section("against", page=PagePart("Two runs compared", 8, _page, short_title="Two runs"))
