"""What sections share in a terminal: how wide is wide, the look of a table, colours, and short words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from results.result import Outcome

WIDE = 116
"""From this many columns on, everything stands in one table."""

STYLES: dict[Outcome, str] = {"pass": "green", "fail": "bold red", "unknown": "yellow"}
SHORT = {"exactly-once": "exactly", "at-least-once": "at least", "at-most-once": "at most"}
"""The guarantees' names where there is little room."""


def table() -> Table:
    """A table without columns yet."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)


_GAP = 2
"""Between two columns: the padding of one, and the frame."""

_LEAST_NAME = 13
"""A name has at least so many columns."""


def tables(
    head: Sequence[str],
    rows: Sequence[Sequence[Text]],
    width: int,
    left: Collection[int] = (),
    breakable: Collection[int] = (),
    names: int = 1,
) -> Iterator[Table]:
    """All columns of `rows` in tables no wider than `width`, side by side as many as fit. The first, the name, stands
    in each of them and may take a second line; the others stay whole, so that no number is cut.

    left: places of columns that begin at the left. breakable: places of columns of words, which may take a second line.
    names: how many of the first columns tell together what a row is about.
    """
    soft = {*range(names), *breakable}
    least = [_least([Text(head[place]), *(row[place] for row in rows)], place in soft) for place in range(len(head))]
    # Its longest word, unless that is so long that no room would be left for figures.
    least[0] = min(max(least[0], _LEAST_NAME), max(_LEAST_NAME, width // 2))
    for places in _packed(least, width, names):
        shown = table()
        for place in places:
            to_left = place < names or place in left
            shown.add_column(
                Text(head[place]),
                justify="left" if to_left else "right",
                no_wrap=place not in soft,
                min_width=least[place],
                overflow="fold",
            )
        for row in rows:
            shown.add_row(*(row[place] for place in places))
        yield shown


def _least(cells: Sequence[Text], breakable: bool) -> int:
    """How many columns it takes: its longest line, or its longest word where lines may break."""
    parts = (part for cell in cells for part in (cell.plain.split() if breakable else cell.plain.split("\n")))
    return max((cell_len(part) for part in parts), default=0)


def _packed(least: Sequence[int], width: int, names: int) -> Iterator[list[int]]:
    """Places of columns, each time those of the names and as many further ones as fit; at least one."""
    first = list(range(names))
    begin = sum(least[:names]) + _GAP * (names - 1)
    places, used = first, begin
    for place in range(names, len(least)):
        if len(places) > names and used + _GAP + least[place] > width:
            yield places
            places, used = first, begin
        places, used = [*places, place], used + _GAP + least[place]
    yield places
