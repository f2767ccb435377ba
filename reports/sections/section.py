"""What a section of a report is: a part on the page, a part in the terminal, or both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from reports.comparison import Comparison, Row
from reports.elements import Details, Element
from results.result import RunResult


@dataclass(frozen=True)
class Report:
    """What there is to tell of a run. command: what to type to run the same again. against: another result that it is
    held against, with the path by which its user calls it; None where there is none.
    """

    run: RunResult
    comparisons: tuple[Comparison, ...]
    command: str
    against: tuple[str, RunResult] | None = None

    @property
    def rows(self) -> list[Row]:
        """The rows of all comparisons."""
        return [row for comparison in self.comparisons for row in comparison.rows]

    def folded(self, comparison: Comparison, *elements: Element) -> Sequence[Element]:
        """What a section says of one comparison: as it stands where there is no other one, else under its title, which
        opens it.
        """
        return elements if len(self.comparisons) == 1 else (Details(comparison.title, elements),)


@dataclass(frozen=True)
class PagePart:
    """Where a section stands on the page, and what it shows there.

    order: sections stand by it, the lowest first. elements: none if the section does not apply to the run; then the
    page leaves it out. short_title: its name in the page's navigation, which leaves it out if that is empty.
    """

    title: str
    order: int
    elements: Callable[[Report], Iterable[Element]]
    short_title: str = ""


@dataclass(frozen=True)
class TerminalPart:
    """Where a section stands under each comparison in the terminal, and what it shows there.

    order: as of a PagePart. show: what Rich prints, for a comparison and the number of columns of the terminal. Texts
    stand under each other; tables and the like have an empty line before them. None if the section does not apply.
    """

    order: int
    show: Callable[[Comparison, int], Iterable[RenderableType]]


@dataclass(frozen=True)
class Section:
    """A section of a report. name: its anchor on the page, of small letters, digits and hyphens."""

    name: str
    page: PagePart | None = None
    terminal: TerminalPart | None = None

    def __post_init__(self) -> None:
        """Raises ValueError and TypeError: who writes a section outside may not have it checked before it is found."""
        if not re.fullmatch("[a-z][a-z0-9-]*", self.name):
            raise ValueError(f"the name of a section is of small letters, digits and hyphens: {self.name!r}")
        _check(self.page, PagePart)
        _check(self.terminal, TerminalPart)


def _check(part: object, kind: type[PagePart] | type[TerminalPart]) -> None:
    if part is not None and not (isinstance(part, kind) and isinstance(part.order, int)):
        raise TypeError(f"this is no {kind.__name__} whose order is a whole number: {part!r}")


def failure(error: Exception) -> str:
    """What a report says in the place of a section that raised."""
    return f"This section could not be made: {type(error).__name__}: {error}"
