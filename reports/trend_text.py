"""Trends in a terminal: for each case a line a metric, what changed first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from rich.console import RenderableType
from rich.text import Text

from reports import screen, units
from reports.columns import columns
from results.metrics.recovery import CAUGHT_UP
from results.printable import printable
from results.trend.series import LevelChange, Trend

_BARS = "▁▂▃▄▅▆▇█"
_MOST = 24
"""So many of the newest readings are drawn."""
_ORDER = ("worse", "better", "level")
_STYLES = {"worse": "bold red", "better": "green", "level": ""}


def shown(trends: Sequence[Trend], unread: int, everything: bool = False) -> Iterator[RenderableType]:
    """For each case a table, first the one of which a figure became worse; and what to know beside them.

    everything: also metrics that no results table shows and that did not change.
    """
    cases = chosen(trends, everything)
    for case, of_case in cases.items():
        yield Text(f"\n{printable(case)}", "bold")
        yield _table(of_case)
    if unread:
        yield Text(f"{units.counted(unread, 'line')} of the file could not be read and were left out.", "dim")


def chosen(trends: Sequence[Trend], everything: bool = False) -> dict[str, list[Trend]]:
    """By case what is shown of it, first what became worse."""
    cases: dict[str, list[Trend]] = {}
    for trend in sorted(trends, key=lambda each: (_ORDER.index(each.state), each.case, each.metric)):
        if everything or trend.changes or trend.metric in _usual():
            cases.setdefault(trend.case, []).append(trend)
    return cases


def _table(trends: Sequence[Trend]) -> RenderableType:
    table = screen.table()
    for heading in ("metric", "runs", "newest", "trend", "change"):
        justify: Literal["left", "right"] = "right" if heading in ("runs", "newest") else "left"
        table.add_column(Text(heading), justify=justify, overflow="fold")
    for trend in trends:
        last = trend.readings[-1]
        cells = (trend.metric, f"{len(trend.readings)}", units.quantity(last.value, last.unit))
        drawn = Text(sparkline([reading.value for reading in trend.readings[-_MOST:]]))
        table.add_row(*(Text(printable(cell)) for cell in cells), drawn, Text(change(trend), _STYLES[trend.state]))
    return table


def _usual() -> set[str]:
    """The metrics of a results table, and how fast an engine comes back."""
    return {column.metric.name for column in columns()} | {CAUGHT_UP.name}


def sparkline(values: Sequence[float]) -> str:
    """Values as bars of eight heights, from the least to the largest."""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[3] * len(values)
    return "".join(_BARS[min(7, int(8 * (value - low) / (high - low)))] for value in values)


def change(trend: Trend) -> str:
    """The newest change that nobody has accepted, in words; else the last known one."""
    if trend.newest is not None:
        return f"{trend.state}: {_at(trend, trend.newest)}"
    if trend.changes:
        last = trend.changes[-1]
        return printable(f"known: {_at(trend, last)}: {last.known}")
    return "no change was found"


def _at(trend: Trend, change: LevelChange) -> str:
    reading = trend.readings[change.place]
    commit = f", {reading.commit}" if reading.commit else ""
    return printable(f"{100 * change.share:+.1f} % from {reading.started}{commit} on")
