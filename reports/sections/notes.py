"""What a reader must know beside the numbers. On the page it stands with what makes results comparable."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from reports import summary
from reports.comparison import UNTESTED, Comparison, words
from reports.sections.section import Section, TerminalPart


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    """Each note once, with all whom it concerns."""
    notes: dict[str, list[str]] = {}
    for row in comparison.rows:
        absent = (f"no {words(names)}: {why}" for why, names in row.absences.items())
        emulated = (f"no operator of its own: {how}" for how in row.emulated)
        for note in (*row.claim_notes, *emulated, *row.notes, *row.isolation, *absent):
            if not any(note in reason for reason in row.reasons_to_tell):
                notes.setdefault(note, []).append(row.name)
    for note, names in notes.items():
        yield Text.assemble((f"{words(names)}: ", "dim"), note)
    if ranking := summary.speed(comparison):
        yield Text(ranking, "dim")
    if comparison.ran and comparison.fault == "none":
        yield Text(UNTESTED, "dim")


section = Section("notes", terminal=TerminalPart(60, _terminal))
