"""What a section of the page is made of: elements of plain data. The template alone makes HTML of them, and escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from results.result import Outcome


@dataclass(frozen=True)
class Paragraph:
    kind: ClassVar = "paragraph"

    text: str


@dataclass(frozen=True)
class Hint:
    """A paragraph in small print: how to read what follows. without_script: only where no scripts run."""

    kind: ClassVar = "hint"

    text: str
    without_script: bool = False


@dataclass(frozen=True)
class Heading:
    """The head of a column; a line break stays one. Numbers stand at the right.

    A speed is a number that says nothing where its row is wrong: it is struck through there.
    """

    text: str
    holds: Literal["text", "number", "speed"] = "text"


@dataclass(frozen=True)
class Cell:
    """A cell that needs more than text.

    badge: an outcome, as a coloured label. whole: pieces that no line breaks. below: small lines of their own.
    """

    text: str = ""
    badge: Outcome | None = None
    whole: Sequence[str] = ()
    below: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row with a look: of an answer that was wrong, or of an engine that did not run."""

    cells: Sequence[str | Cell]
    look: Literal["", "wrong", "idle"] = ""


@dataclass(frozen=True)
class Table:
    """The first cell of a row is its name. label: for those who hear the page; the caption if it is empty."""

    kind: ClassVar = "table"

    caption: str
    head: Sequence[str | Heading]
    rows: Sequence[Sequence[str | Cell] | TableRow]
    label: str = ""

    @property
    def headings(self) -> list[Heading]:
        return [heading if isinstance(heading, Heading) else Heading(heading) for heading in self.head]

    @property
    def full_rows(self) -> list[TableRow]:
        """The rows, each with its look, and every cell a Cell."""
        rows = [row if isinstance(row, TableRow) else TableRow(row) for row in self.rows]
        return [
            TableRow([cell if isinstance(cell, Cell) else Cell(cell) for cell in row.cells], row.look) for row in rows
        ]


@dataclass(frozen=True)
class Answer:
    """A cell of a matrix: what became of one engine under one question."""

    outcome: Outcome
    """Of the case."""
    seen: str = ""
    """What was seen of delivery, and in how many strikes it was tested."""
    figure: str = ""
    """The figure in question; empty where there is none."""
    but: str = ""
    """What limits the figure, such as that not every strike was recovered from; empty if nothing does."""
    spread: str = ""
    """Between which values it lies, or a second figure; empty if there is none."""
    wrong: bool = False
    """Whether the answer was wrong: then the figure says nothing."""


@dataclass(frozen=True)
class Matrix:
    """Answers, by what their rows and columns are named. corner: over the rows' names. No Answer: was not asked."""

    kind: ClassVar = "matrix"

    caption: str
    corner: str
    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Answer | None]]]


@dataclass(frozen=True)
class Details:
    """Elements under a line that shows and hides them."""

    kind: ClassVar = "details"

    summary: str
    elements: Sequence[Element]
    open: bool = False


@dataclass(frozen=True)
class SideBySide:
    """Elements beside each other where the page is wide enough."""

    kind: ClassVar = "side_by_side"

    elements: Sequence[Element]


@dataclass(frozen=True)
class Check:
    """One thing that makes results comparable (good), or limits how far they are."""

    good: bool
    text: str


@dataclass(frozen=True)
class Checks:
    kind: ClassVar = "checks"

    items: Sequence[Check]


@dataclass(frozen=True)
class Figure:
    """A chart, with the same numbers as a table."""

    title: str
    """Stands over the chart, and is the caption of its table."""
    hint: str
    """A sentence under the title: how to read the chart."""
    spec: dict[str, Any]
    """The chart in Vega-Lite."""
    head: Sequence[str]
    """Headings of the table; the first is that of the rows' names."""
    rows: Sequence[Sequence[str]]
    """The table's cells, as texts; the first of a row is its name."""
    full: bool = False
    """Whether the chart is as wide as the page."""
    of: str = ""
    """Title of the results that it is of, where a page has such a chart of several; empty else."""

    @property
    def table(self) -> Table:
        first, *others = self.head
        label = f"{self.title}: {self.of}" if self.of else ""
        return Table(self.title, [first, *(Heading(name, "number") for name in others)], self.rows, label)


@dataclass(frozen=True)
class Figures:
    """Charts beside each other."""

    kind: ClassVar = "figures"

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Command:
    """The command that makes the run again, with a button to copy it and one that saves the results. Once on a page."""

    kind: ClassVar = "command"

    text: str


Element = Paragraph | Hint | Table | Matrix | Details | SideBySide | Checks | Figures | Command
