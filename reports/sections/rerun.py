"""How to run the same again."""

from __future__ import annotations

from collections.abc import Iterator

from reports.elements import Command, Element, Hint
from reports.sections.section import PagePart, Report, Section


def _page(report: Report) -> Iterator[Element]:
    yield Hint("The events are a function of the seed, so the same command asks the same questions.")
    yield Command(report.command)


section = Section("again", page=PagePart("Run it again", 90, _page, short_title="Run it again"))
