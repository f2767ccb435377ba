"""Why engines did not pass, and which metrics they are without."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from reports import screen, units
from reports.comparison import Comparison, Row, words
from reports.elements import Element, Table
from reports.labels import labelled
from reports.sections.section import PagePart, Report, Section, TerminalPart


def _page(report: Report) -> Iterator[Element]:
    troubles = [(name, *cells) for name, _, row in labelled(report.comparisons) for cells in _troubles(row)]
    if troubles:
        yield Table("Reasons and notes", ("engine", "phase", "outcome", "reason"), troubles)


def _troubles(row: Row) -> Iterator[tuple[str, ...]]:
    """Why phases did not pass and metrics are absent; what two phases share is said once."""
    told: dict[tuple[str, str], list[str]] = {}
    for case in row.cases:
        if case.outcome != "pass":
            told.setdefault((case.outcome, case.reason), []).append(case.phase)
    for (outcome, why), phases in told.items():
        yield ", ".join(phases), outcome, why
    for why, names in row.absences.items():
        yield units.NONE, f"no {words(names)}", why


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    for row in comparison.rows:
        for reason in row.reasons_to_tell:
            outcome = row.outcome if row.ran else f"not run, {row.outcome}"
            yield Text.assemble((f"{row.name}: {outcome}: ", screen.STYLES.get(row.outcome, "dim")), reason)
        for line in row.last_lines:
            yield Text(f"    {line}", "dim")


section = Section(
    "troubles",
    page=PagePart("What did not pass, and what to know", 70, _page, short_title="What did not pass"),
    terminal=TerminalPart(40, _terminal),
)
