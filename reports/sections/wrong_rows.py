"""The rows that were wrong, each with its place in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.text import Text

from reports import units
from reports.comparison import Comparison, Row
from reports.elements import Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.result import Offence

_HEAD = ("what", "phase", "key", "window (UTC), row", "ids", "explanation")
_MAX_IDS = 5
_MAX_OFFENCES = 5
"""So many of an engine are listed in a terminal."""


def _page(report: Report) -> Iterator[Element]:
    wrong = [row for row in report.rows if row.offences]
    if not wrong:
        return
    yield Hint(
        "The first offending rows of each kind. The sums of ids and checks that travel with every row say which events "
        "were lost or counted twice."
    )
    for row in wrong:
        yield Table(row.name, _HEAD, [_cells(found) for found in row.offences])


def _cells(found: Offence) -> tuple[str, ...]:
    place = ", ".join(part for part in (_window(found), _names(found)) if part) or units.NONE
    key = units.NONE if found.key is None else found.key
    return (_what(found), found.phase, key, place, _ids(found) if found.ids else units.NONE, found.explanation)


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    for row in comparison.ran:
        if row.offences:
            yield _summary(row)
            yield from (Text(f"    {_sentence(found)}") for found in row.offences[:_MAX_OFFENCES])


def _summary(row: Row) -> Text:
    kinds: Counter[str] = Counter()
    for case in row.cases:
        kinds.update(case.kinds)
    listed = ", ".join(f"{count:,} x {kind}" for kind, count in kinds.items())
    claim = f", as is allowed by {row.weak_claims}" if row.allowed else ""
    mark, style = ("!", "yellow") if row.allowed else ("✗", "bold red")
    return Text.assemble((f"{mark} {row.name}: {listed}{claim}", style), "; the first of them:")


def _sentence(found: Offence) -> str:
    parts = [_what(found), found.phase]
    if found.key is not None:
        parts.append(f"key {found.key}")
    if window := _window(found):
        parts.append(f"window {window}")
    if names := _names(found):
        parts.append(names)
    if found.ids:
        parts.append(f"id{'s' if found.ids_count > 1 else ''} {_ids(found)}")
    return ", ".join(parts) + f": {found.explanation}"


def _what(offence: Offence) -> str:
    """The kind of the offence, and what it counts as where that is another word."""
    return offence.kind if offence.count_as in (offence.kind, "match") else f"{offence.count_as} ({offence.kind})"


def _window(offence: Offence) -> str:
    """The window's bounds in UTC, to the millisecond; empty where a row has none."""
    if offence.start is None or offence.end is None:
        return ""
    times = [datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3] for ms in (offence.start, offence.end)]
    return f"{times[0]} to {times[1]}"


def _names(offence: Offence) -> str:
    """What else names the row: `rank 2`, `left 7 right 9`; empty where key and window are all."""
    return " ".join(f"{name} {value}" for name, value in offence.identity.items())


def _ids(offence: Offence) -> str:
    """The first ids concerned, and how many more there are."""
    shown = ", ".join(str(number) for number in offence.ids[:_MAX_IDS])
    more = offence.ids_count - min(len(offence.ids), _MAX_IDS)
    return f"{shown}{f' and {more:,} more' if more > 0 else ''}"


section = Section(
    "wrong",
    page=PagePart("Wrong rows", 40, _page, short_title="Wrong rows"),
    terminal=TerminalPart(30, _terminal),
)
