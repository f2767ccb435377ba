"""How engines come back, step by step: noticed, started again, first output, caught up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from reports import units, vega
from reports.comparison import Row
from reports.elements import Details, Element, Figure, Figures, Heading, Hint, Table
from reports.labels import labels
from reports.sections.section import PagePart, Report, Section
from results.result import StrikeResult

_STEPS = {
    "noticed": lambda strike: strike.detected_s,
    "started again": lambda strike: strike.healed_s,
    "first output": lambda strike: strike.first_output_s,
    "caught up": lambda strike: strike.caught_up_s,
}
"""What follows a strike, in this order as a rule: for each, its seconds after the injection."""


def _page(report: Report) -> Iterator[Element]:
    told = [
        (label, rows)
        for label, comparison in zip(labels(report.comparisons), report.comparisons, strict=True)
        if (rows := [row for row in comparison.ran if _injected(row)])
    ]
    if not told:
        return
    yield Hint(
        "Seconds from the injection, the median over the strikes in which the step was seen; in how many that was, of "
        "those that were injected, stands below. Each step has strikes of its own: medians do not add up. Started "
        "again: what was done was undone, and what died was started. A worker that is noticed late, or started late, "
        "loses its time there, and not while it catches up."
    )
    for label, rows in told:
        elements = _elements(label, rows)
        yield from (Details(f"Step by step: {label}", elements),) if len(report.comparisons) > 1 else elements


def _elements(label: str, rows: Sequence[Row]) -> tuple[Element, ...]:
    title = f"Recovery step by step: {label}" if label else "Recovery step by step"
    drawn = [vega.Moments(row.name, points) for row in rows if (points := _points(row))]
    head = ["engine", *_STEPS]
    cells = [(row.name, *(_shown(row, step) for step in _STEPS)) for row in rows]
    if not drawn:
        return (Table(title, [head[0], *(Heading(name, "number") for name in head[1:])], cells),)
    spec = vega.moments(drawn, list(_STEPS), f"{title}, of {', '.join(row.name for row in drawn)}")
    return (Figures((Figure(title, "Further to the left is better.", spec, head, cells, full=True),)),)


def _injected(row: Row) -> list[StrikeResult]:
    return [strike for strike in row.strikes if strike.at_s is not None]


def _seconds(row: Row, step: str) -> list[float]:
    return [seconds for strike in _injected(row) if (seconds := _STEPS[step](strike)) is not None]


def _points(row: Row) -> list[tuple[str, float]]:
    """What of a result that is wrong is not drawn: it came back to nothing."""
    if row.suspect:
        return []
    return [(step, median(seconds)) for step in _STEPS if (seconds := _seconds(row, step))]


def _shown(row: Row, step: str) -> str:
    seconds, injected = _seconds(row, step), len(_injected(row))
    if not seconds:
        return units.NONE
    text = f"{units.quantity(median(seconds), 's')}, {len(seconds)} of {injected}"
    return f"({text})" if row.suspect else text


section = Section("recovery-split", page=PagePart("Recovery step by step", 22, _page, short_title="Recovery"))
