"""Trends in a terminal: a line for each case and metric, what changed first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from reports import screen, units
from results.printable import printable
from results.trend.series import Change, Trend

_BARS = "▁▂▃▄▅▆▇█"
_MOST = 24
"""So many of the newest readings are drawn."""
_STYLES = {"worse": "bold red", "better": "green", "level": ""}


def shown(trends: Sequence[Trend], unread: int) -> Iterator[RenderableType]:
    """A table, and what to know beside it."""
    if not trends:
        yield Text("Nothing is kept yet: streamgauge history add RUN")
        return
    table = screen.table()
    for heading in ("case", "metric", "runs", "newest", "trend", "change"):
        table.add_column(Text(heading), justify="right" if heading in ("runs", "newest") else "left")
    order = ("worse", "better", "level")
    for trend in sorted(trends, key=lambda each: (order.index(each.state), each.case, each.metric)):
        last = trend.readings[-1]
        cells = (trend.case, trend.metric, f"{len(trend.readings)}", units.quantity(last.value, last.unit))
        drawn = Text(sparkline([reading.value for reading in trend.readings[-_MOST:]]))
        table.add_row(*(Text(printable(cell)) for cell in cells), drawn, Text(_change(trend), _STYLES[trend.state]))
    yield table
    if unread:
        yield Text(f"{units.counted(unread, 'line')} of the file could not be read and were left out.", "dim")


def sparkline(values: Sequence[float]) -> str:
    """Values as bars of eight heights, from the least to the largest."""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[3] * len(values)
    return "".join(_BARS[min(7, int(8 * (value - low) / (high - low)))] for value in values)


def _change(trend: Trend) -> str:
    if trend.newest is not None:
        return f"{trend.state}: {_at(trend, trend.newest)}"
    if trend.changes:
        last = trend.changes[-1]
        return printable(f"known: {_at(trend, last)}: {last.known}")
    return "no change was found"


def _at(trend: Trend, change: Change) -> str:
    reading = trend.readings[change.place]
    commit = f", {reading.commit}" if reading.commit else ""
    return printable(f"{100 * change.share:+.1f} % from {reading.started}{commit} on")
