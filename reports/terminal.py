"""A run's results in a terminal: what the sections show of each comparison, and where to go on from there."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.text import Text

from reports import sections, units
from reports.comparison import Comparison, compare
from reports.sections import Unavailable
from reports.sections.section import Section, TerminalPart, failure
from results.printable import printable, printable_lines, printable_values
from results.result import RunResult


def render(run: RunResult, path: str, console: Console, remake: str = "") -> None:
    """Print the run. path: how its user calls the folder that it is stored in. remake: what to type for its page, where
    that is not the usual command.
    """
    found = sections.discover().values()
    parts = [(section.name, section.terminal) for section in found if isinstance(section, Section) and section.terminal]
    parts.sort(key=lambda named: (named[1].order, named[0]))
    # Before anything is laid out: what is shown by its number is wider.
    shown_run = RunResult.model_validate(printable_values(run.model_dump()))
    for comparison in compare(shown_run):
        console.print()
        console.print(Text(comparison.title, "bold"))
        if shown_run.machine is not None:
            console.print(Text(units.machine(shown_run.machine), "dim"))
        _print((shown for name, part in parts for shown in _shown(name, part, comparison, console)), console)
    _print(
        (Text(printable(f"{missing.name}: {missing.why}")) for missing in found if isinstance(missing, Unavailable)),
        console,
    )
    console.print()
    for label, value in (("results", path), ("report", remake or shlex.join(["streamgauge", "report", path]))):
        console.print(Text.assemble((f"{label:<9}", "dim"), printable(value)), soft_wrap=True)


def _shown(name: str, part: TerminalPart, comparison: Comparison, console: Console) -> Iterator[RenderableType]:
    """What a section shows, texts as such and all else rendered: so whatever fails, fails here and is said here."""
    try:
        shown = [_text_or_segments(item, console) for item in part.show(comparison, console.width)]
    except Exception as error:
        shown = [Text.assemble((f"{name}: ", "dim"), printable(failure(error)))]
    yield from shown


def _text_or_segments(item: RenderableType, console: Console) -> Text | Segments:
    """A section from outside may show what it read elsewhere: that is made printable as well."""
    if isinstance(item, str):
        # As it stands: a name from a result is no markup.
        return Text(printable_lines(item))
    if isinstance(item, Text):
        visible = printable_lines(item.plain)
        return item if visible == item.plain else Text(visible, item.style)
    rendered = console.render(item)
    return Segments([Segment(printable_lines(part.text), part.style) for part in rendered if not part.control])


def _print(shown: Iterable[RenderableType], console: Console) -> None:
    """Texts stand under each other; all else has an empty line before it."""
    after_text = False
    for item in shown:
        text = isinstance(item, Text)
        if not (text and after_text):
            console.print()
        console.print(item, soft_wrap=text and not console.is_terminal)
        after_text = text
