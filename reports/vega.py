"""Charts of a report, as Vega-Lite specifications: plain data, drawn by the page that embeds them.

Colours are the page's CSS variables, so that one drawing serves light, dark and print. Names come from results and are
untrusted: we put them into data, sorts and scale domains only. Vega makes expressions of sorts and scales itself, in
which some characters cannot stand even in a quoted text (U+2028 ends the line): so every text is printable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from results.printable import printable_values

SERIES_COLOURS = 8
"""The page defines --series-1 .. --series-8; further series begin again at 1."""

# The page's own; named here because the width of a label is measured with it.
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
_QUANTILES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999)
_BAR_STEP = 34
_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])


@dataclass(frozen=True)
class Bar:
    """One bar: its length, what is written beside it, and whether the result behind it is right."""

    name: str
    """Of the engine."""
    value: float
    """Length of the bar: of several trials, their median."""
    label: str
    """The value as text."""
    sound: bool = True
    """Whether the result behind it is right."""
    dots: Sequence[tuple[str, float]] = ()
    """Each trial with its value; empty where there is one only."""
    interval: tuple[float, float] | None = None
    """Between which values the median lies; None where that is not known."""

    @property
    def end(self) -> float:
        """Behind the bar, its interval and all its dots."""
        return max(self.value, *(value for _, value in self.dots), *(self.interval or ()), 0.0)


@dataclass(frozen=True)
class Part:
    """One part of a stacked bar."""

    name: str
    part: str
    value: float
    label: str


@dataclass(frozen=True)
class Curve:
    """Latencies at ascending shares of the results: `points` are (share in [0, 1), latency in ms).

    trial: which of several this is; their curves have one colour.
    """

    name: str
    points: Sequence[tuple[float, float]]
    sound: bool = True
    trial: str = ""


def bars(rows: Sequence[Bar], names: Sequence[str], unit: str, description: str) -> dict[str, Any]:
    """Horizontal bars from zero, in the order of `rows`; the label at a bar's end says its value. Each trial of several
    is a dot, and the interval of their median a line.
    """
    values = [{"name": r.name, "value": r.value, "label": r.label, "sound": r.sound, "end": r.end} for r in rows]
    place = alt.Y("name:N", title=None, sort=[row.name for row in rows], axis=_name_axis())
    # Room at the right for the label of the longest bar.
    scale = alt.Scale(domain=[0, 1.42 * max((r.end for r in rows), default=1) or 1])
    base = alt.Chart(alt.Data(values=values)).encode(
        y=place, tooltip=[alt.Tooltip("name:N", title="engine"), alt.Tooltip("label:N", title=unit)]
    )
    drawn = base.mark_bar(height=18, cornerRadiusEnd=3).encode(
        x=alt.X("value:Q", axis=None, scale=scale),
        color=alt.Color("name:N", legend=None, scale=_colours(names, names)),
        opacity=_paleness(),
    )
    labels = base.mark_text(align="left", dx=7, fontSize=13).encode(
        x=alt.X("end:Q", axis=None, scale=scale),
        text="label:N",
        color=alt.Color(
            "sound:N", legend=None, scale=alt.Scale(domain=[True, False], range=["var(--ink)", "var(--bad)"])
        ),
    )
    chart = alt.layer(drawn, *_trials(rows, place, scale), labels).resolve_scale(color="independent")
    return _finish(chart.properties(width="container", height=_BAR_STEP * max(len(rows), 1), description=description))


def _trials(rows: Sequence[Bar], place: alt.Y, scale: alt.Scale) -> list[alt.Chart]:
    """A line for the interval of each bar, and a dot for each trial; nothing where no bar has any."""
    lines = [{"name": r.name, "low": r.interval[0], "high": r.interval[1]} for r in rows if r.interval]
    dots = [{"name": r.name, "trial": trial, "value": value} for r in rows for trial, value in r.dots]
    drawn = []
    if lines:
        rule = alt.Chart(alt.Data(values=lines)).mark_rule(color="var(--ink)", strokeWidth=2)
        drawn.append(rule.encode(y=place, x=alt.X("low:Q", axis=None, scale=scale), x2="high:Q"))
    if dots:
        point = alt.Chart(alt.Data(values=dots)).mark_point(
            filled=True, size=34, color="var(--ink)", stroke="var(--surface)", strokeWidth=1, opacity=1
        )
        drawn.append(
            point.encode(
                y=place,
                x=alt.X("value:Q", axis=None, scale=scale),
                tooltip=[alt.Tooltip("trial:N", title="trial"), alt.Tooltip("value:Q", format=".3~r")],
            )
        )
    return drawn


def stacks(
    rows: Sequence[Part], names: Sequence[str], parts: Sequence[str], unit: str, description: str
) -> dict[str, Any]:
    """Horizontal bars, each stacked from its parts in the order of `parts`."""
    data = alt.Data(
        values=[
            {"name": r.name, "part": r.part, "value": r.value, "label": r.label, "order": parts.index(r.part)}
            for r in rows
        ]
    )
    chart = (
        alt.Chart(data)
        .mark_bar(height=18)
        .encode(
            y=alt.Y("name:N", title=None, sort=list(names), axis=_name_axis()),
            x=alt.X("sum(value):Q", title=unit, axis=alt.Axis(tickCount=6, format=",d")),
            color=alt.Color("part:N", scale=_colours(parts, parts), legend=_legend("square")),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("name:N", title="engine"),
                alt.Tooltip("part:N", title="role"),
                alt.Tooltip("label:N", title="memory"),
            ],
        )
    )
    return _finish(chart.properties(width="container", height=_BAR_STEP * max(len(names), 1), description=description))


def curves(rows: Sequence[Curve], names: Sequence[str], description: str) -> dict[str, Any]:
    """Latency against the share of results that were as fast, on an axis of nines (HdrHistogram's habit)."""
    values: list[dict[str, Any]] = [
        {
            "name": row.name,
            "trial": row.trial,
            "nines": _nines(share),
            "percentile": f"p{100 * share:.6g}",
            "latency": latency,
            "sound": row.sound,
        }
        for row in rows
        for share, latency in row.points
        if latency > 0
    ]
    deepest = max((value["nines"] for value in values), default=1.0)
    ticks = [_nines(share) for share in _QUANTILES if _nines(share) <= deepest + 0.01]
    drawn = list(dict.fromkeys(row.name for row in rows))
    shown = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X(
            "nines:Q",
            title="share of results at least as fast",
            scale=alt.Scale(domain=[0, deepest], nice=False),
            axis=alt.Axis(values=ticks, labelExpr="'p' + format(100 * (1 - pow(10, -datum.value)), '.6~r')"),
        ),
        y=_latency_axis([value["latency"] for value in values]),
        detail="trial:N",
        color=alt.Color("name:N", scale=_colours(names, drawn), legend=_legend("stroke")),
        strokeDash=alt.StrokeDash("name:N", scale=_dashes(names, drawn), legend=_legend("stroke")),
    )
    line = shown.mark_line(strokeWidth=2.25, interpolate="monotone").encode(opacity=_paleness())
    hover = shown.mark_point(filled=True, size=70, opacity=0).encode(
        tooltip=[
            alt.Tooltip("name:N", title="engine"),
            *([alt.Tooltip("trial:N", title="trial")] if any(row.trial for row in rows) else []),
            alt.Tooltip("percentile:N", title="share"),
            alt.Tooltip("latency:Q", title="ms", format=".3~r"),
        ],
    )
    return _finish(alt.layer(line, hover).properties(width="container", height=320, description=description))


@dataclass(frozen=True)
class Offered:
    """Latencies in ms at offered rates in events per second, ascending; marked: rates that were not held."""

    name: str
    points: Sequence[tuple[float, float]]
    marked: frozenset[float]


def offered(rows: Sequence[Offered], names: Sequence[str], description: str) -> dict[str, Any]:
    """Latency against the offered load; a cross is a rate that was not held."""
    values: list[dict[str, Any]] = [
        {"name": row.name, "rate": rate, "latency": latency, "held": rate not in row.marked}
        for row in rows
        for rate, latency in row.points
        if latency > 0
    ]
    drawn = list(dict.fromkeys(row.name for row in rows))
    shown = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("rate:Q", title="offered events per second", scale=alt.Scale(type="log", nice=False)),
        y=_latency_axis([value["latency"] for value in values]),
        color=alt.Color("name:N", scale=_colours(names, drawn), legend=_legend("stroke")),
    )
    line = shown.mark_line(strokeWidth=2.25)
    point = shown.mark_point(filled=True, size=70).encode(
        shape=alt.Shape("held:N", scale=alt.Scale(domain=[True, False], range=["circle", "cross"]), legend=None),
        tooltip=[
            alt.Tooltip("name:N", title="engine"),
            alt.Tooltip("rate:Q", title="events/s", format=".3~s"),
            alt.Tooltip("latency:Q", title="p99, ms", format=".3~r"),
            alt.Tooltip("held:N", title="held"),
        ],
    )
    return _finish(alt.layer(line, point).properties(width="container", height=320, description=description))


@dataclass(frozen=True)
class Timeline:
    """A latency in ms at each second, and the moments at which a fault fell, each with what was done."""

    name: str
    points: Sequence[tuple[float, float]]
    strikes: Sequence[tuple[float, str]]


def timelines(rows: Sequence[Timeline], names: Sequence[str], description: str) -> dict[str, Any]:
    """Latency over time, a panel for each name; a rule stands where a fault fell."""
    points: list[dict[str, Any]] = [
        {"name": row.name, "second": second, "latency": latency}
        for row in rows
        for second, latency in row.points
        if latency > 0
    ]
    rules = [{"name": row.name, "second": second, "done": done} for row in rows for second, done in row.strikes]
    drawn = [row.name for row in rows]
    where = alt.X("second:Q", title="second after warm-up", scale=alt.Scale(nice=False))
    line = (
        alt.Chart()
        .transform_filter("isValid(datum.latency)")
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=where,
            y=_latency_axis([point["latency"] for point in points]),
            color=alt.Color("name:N", legend=None, scale=_colours(names, drawn)),
            tooltip=[
                alt.Tooltip("second:Q", title="second"),
                alt.Tooltip("latency:Q", title="ms", format=".3~r"),
            ],
        )
    )
    rule = (
        alt.Chart()
        .transform_filter("isValid(datum.done)")
        .mark_rule(strokeDash=[4, 3], strokeWidth=1.5, color="var(--bad)")
        .encode(x=where, tooltip=[alt.Tooltip("second:Q", title="second", format=".1f"), alt.Tooltip("done:N")])
    )
    panels = (
        alt.layer(line, rule, data=alt.Data(values=[*points, *rules]))
        .properties(width=780, height=90, description=description)
        .facet(row=alt.Row("name:N", title=None, sort=drawn, header=alt.Header(labelAngle=0, labelAlign="left")))
    )
    # Panels cannot be fitted to a width.
    return _finish(panels) | {"autosize": "pad"}


def _nines(share: float) -> float:
    return -math.log10(1 - share)


def _steps(values: Sequence[float]) -> list[float]:
    """Round values, a factor of two or so apart (of ten where they span more than three decades), around `values`."""
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    wide = high > 1000 * low
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ladder = [digit * 10.0**exponent for exponent in exponents for digit in ((1,) if wide else (1, 2, 5))]
    first = max((step for step in ladder if step <= low), default=ladder[0])
    last = min((step for step in ladder if step >= high), default=ladder[-1])
    return [step for step in ladder if first <= step <= last]


def _latency_axis(latencies: Sequence[float]) -> alt.Y:
    """Latencies in ms on a logarithmic axis around them."""
    steps = _steps(latencies)
    return alt.Y(
        "latency:Q",
        title=None,
        scale=alt.Scale(type="log", domain=[steps[0], steps[-1]], nice=False),
        axis=alt.Axis(
            values=steps,
            labelExpr="datum.value < 1000 ? datum.value + ' ms' : datum.value / 1000 + ' s'",
        ),
    )


def _colours(names: Sequence[str], drawn: Sequence[str]) -> alt.Scale:
    """The colour of a name is that of its place among all `names`, whichever are drawn."""
    colours = {name: f"var(--series-{number % SERIES_COLOURS + 1})" for number, name in enumerate(names)}
    return alt.Scale(domain=list(drawn), range=[colours[name] for name in drawn])


def _dashes(names: Sequence[str], drawn: Sequence[str]) -> alt.Scale:
    dashes = {name: _DASHES[number % len(_DASHES)] for number, name in enumerate(names)}
    return alt.Scale(domain=list(drawn), range=[dashes[name] for name in drawn])


def _paleness() -> alt.Opacity:
    """What was wrong is drawn pale."""
    return alt.Opacity("sound:O", legend=None, scale=alt.Scale(domain=[True, False], range=[1, 0.3]))


def _name_axis() -> alt.Axis:
    return alt.Axis(ticks=False, domain=False, labelPadding=10, labelLimit=190)


def _legend(symbol: str) -> alt.Legend:
    return alt.Legend(
        title=None,
        orient="top",
        symbolType=symbol,
        symbolStrokeWidth=3,
        symbolSize=180,
        labelLimit=190,
        columnPadding=20,
        # More of them in a row would be cut off at the right.
        columns=5,
    )


def _finish(chart: Any) -> dict[str, Any]:
    finished = (
        chart.configure(background="transparent", font=_FONT, padding=0)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor="var(--ink)",
            titleColor="var(--muted)",
            gridColor="var(--line)",
            domainColor="var(--line)",
            tickColor="var(--line)",
            labelFontSize=13,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
        )
        .configure_legend(labelColor="var(--ink)", labelFontSize=13)
    )
    spec: dict[str, Any] = printable_values(finished.to_dict())
    return spec | {"autosize": {"type": "fit-x", "contains": "padding"}}
