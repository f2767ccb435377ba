"""Trends as one self-contained page: a section for each case, what became worse first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reports import html, trend_text, units, vega
from reports.elements import Element, Figure, Figures, Table
from reports.html import Head
from reports.sections.section import PagePart, Report
from results.result import RunResult
from results.trend.series import Trend

_HEAD = ("metric", "runs", "newest", "what changed")


def render(trends: Sequence[Trend]) -> str:
    """The page; it may have no trends."""
    chosen = trend_text.chosen(trends)
    count = {state: sum(trend.state == state for trend in trends) for state in ("worse", "better")}
    title = f"{units.counted(count['worse'], 'figure')} became worse, {units.counted(count['better'], 'figure')} better"
    runs = {reading.run for trend in trends for reading in trend.readings}
    head = Head(
        name="history",
        facts=(f"{len(runs):,} runs of one machine", f"{len(trends):,} figures"),
        title=f"{title[0].upper()}{title[1:]}." if trends else "Nothing is kept yet.",
        told=[
            (f"{trend.case}, {trend.metric}", trend_text.change(trend)) for trend in trends if trend.state == "worse"
        ],
        leads=(),
        results={},
        footer="figures over runs of one machine",
    )
    # No section of a run's report is on this page, so nothing reads the run.
    nothing = Report(RunResult(run="", suite="", machine=None, cases=[]), (), "")
    return html.assembled(head, _parts(chosen), nothing)


def _parts(cases: dict[str, list[Trend]]) -> Iterator[tuple[str, PagePart]]:
    for number, (case, trends) in enumerate(cases.items(), 1):
        yield f"case-{number}", PagePart(case, number, _given(_elements(case, trends)), short_title=case)


def _given(elements: tuple[Element, ...]) -> Callable[[Report], tuple[Element, ...]]:
    return lambda _: elements


def _elements(case: str, trends: Sequence[Trend]) -> tuple[Element, ...]:
    rows = [(trend.metric, f"{len(trend.readings)}", _newest(trend), trend_text.change(trend)) for trend in trends]
    return Table(case, _HEAD, rows), Figures([_figure(trend) for trend in trends])


def _newest(trend: Trend) -> str:
    last = trend.readings[-1]
    return units.quantity(last.value, last.unit)


def _figure(trend: Trend) -> Figure:
    readings = trend.readings
    better = "Lower" if readings[0].better == "lower" else "Higher"
    spec = vega.levels(
        [(reading.run, reading.value) for reading in readings],
        [change.place for change in trend.changes],
        readings[0].unit,
        f"{trend.metric} of {trend.case} over {len(readings)} runs",
    )
    rows = [(reading.run, reading.started, units.quantity(reading.value, reading.unit)) for reading in readings]
    hint = f"{better} is better. A dashed line stands where a new level begins."
    return Figure(trend.metric, hint, spec, ("run", "began", trend.metric), rows)
