"""What sections share in a terminal: how wide is wide, the look of a table, colours, and short words."""

from __future__ import annotations

from rich import box
from rich.table import Table

from results.result import Outcome

WIDE = 116
"""From this many columns on, everything stands in one table."""

STYLES: dict[Outcome, str] = {"pass": "green", "fail": "bold red", "unknown": "yellow"}
SHORT = {"exactly-once": "exactly", "at-least-once": "at least", "at-most-once": "at most"}
"""The guarantees' names where there is little room."""


def table() -> Table:
    """A table without columns yet."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
