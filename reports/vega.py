"""Charts of a report, as Vega-Lite specifications: plain data, drawn by the page that embeds them.

Colours are the page's CSS variables, so that one drawing serves light, dark and print. Names come from results and are
untrusted: we put them into data, sorts and scale domains only. Vega makes expressions of sorts and scales itself, in
which some characters cannot stand even in a quoted text (U+2028 ends the line): so every text is printable.

A chart is as wide as its place, down to a phone: what is written stands above its bar and not beside it, and a legend
has as many columns as there is room for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results.printable import printable_values

SERIES_COLOURS = 8
"""The page defines --series-1 .. --series-8; further series begin again at 1."""

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# The page's own; named here because the width of a label is measured with it.
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
_QUANTILES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999)
_BAR_STEP = 44
_BAR_DOWN = 9
"""How far below the middle of its place a bar is drawn, px; what is written stands as far above."""
_LABEL_ROOM = 84
"""What the value above a bar takes at most of its width, px; the name has the rest."""
_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])
_MOMENTS = ("circle", "triangle-up", "square", "diamond")


@dataclass(frozen=True)
class Bar:
    """One bar: its length, what is written above it, and whether the result behind it is right."""

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


def bars(rows: Sequence[Bar], names: Sequence[str], unit: str, description: str) -> Spec:
    """Horizontal bars from zero, in the order of `rows`; above each stand its name and its value. Each trial of several
    is a dot, and the interval of their median a line.
    """
    values = [{"name": r.name, "value": r.value, "label": r.label, "sound": r.sound} for r in rows]
    place = _place([row.name for row in rows])
    length = {"axis": None, "scale": {"domain": [0, 1.02 * max((r.end for r in rows), default=1) or 1]}}
    tooltip = [_tooltip("name", "engine"), _tooltip("label", unit)]
    drawn = {
        "mark": {"type": "bar", "height": 14, "cornerRadiusEnd": 3, "yOffset": _BAR_DOWN},
        "encoding": {
            "y": place,
            "x": _quantity("value", **length),
            "color": _named("name", _colours(names, names), None),
            "opacity": _PALENESS,
            "tooltip": tooltip,
        },
    }
    said = {
        "mark": _text(align="right"),
        "encoding": {
            "y": place,
            "x": {"value": "width"},
            "text": {"field": "label", "type": "nominal"},
            "color": _named("sound", {"domain": [True, False], "range": ["var(--ink)", "var(--bad)"]}, None),
            "tooltip": tooltip,
        },
    }
    layers = [drawn, *_trials(rows, place, length), _names_above(place, f"width - {_LABEL_ROOM}"), said]
    chart = {"data": {"values": values}, "layer": layers, "resolve": {"scale": {"color": "independent"}}}
    return _finish(chart, height=_BAR_STEP * max(len(rows), 1), description=description)


def _trials(rows: Sequence[Bar], place: Spec, length: Spec) -> list[Spec]:
    """A line for the interval of each bar, and a dot for each trial; nothing where no bar has any."""
    lines = [{"name": r.name, "low": r.interval[0], "high": r.interval[1]} for r in rows if r.interval]
    dots = [{"name": r.name, "trial": trial, "value": value} for r in rows for trial, value in r.dots]
    drawn: list[Spec] = []
    if lines:
        drawn.append(
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 2, "yOffset": _BAR_DOWN},
                "encoding": {"y": place, "x": _quantity("low", **length), "x2": {"field": "high"}},
            }
        )
    if dots:
        drawn.append(
            {
                "data": {"values": dots},
                "mark": _POINT | {"size": 34, "color": "var(--ink)", "yOffset": _BAR_DOWN},
                "encoding": {
                    "y": place,
                    "x": _quantity("value", **length),
                    "tooltip": [_tooltip("trial", "trial"), _number_tooltip("value", "")],
                },
            }
        )
    return drawn


@dataclass(frozen=True)
class Moments:
    """Seconds after something, each with what happened then; in the order in which they are to be told apart."""

    name: str
    points: Sequence[tuple[str, float]]


def moments(rows: Sequence[Moments], kinds: Sequence[str], description: str) -> Spec:
    """A line from zero for each name, with a sign where each kind of moment falls."""
    values = [{"name": row.name, "kind": kind, "second": second} for row in rows for kind, second in row.points]
    ends = [{"name": row.name, "end": max((second for _, second in row.points), default=0.0)} for row in rows]
    place = _place([row.name for row in rows])
    where = {"title": "seconds after the injection", "axis": {"tickCount": 5}, "scale": {"zero": True}}
    line = {
        "data": {"values": ends},
        "mark": {"type": "rule", "color": "var(--line)", "strokeWidth": 3, "yOffset": _BAR_DOWN},
        "encoding": {"y": place, "x": {"datum": 0, "type": "quantitative"}, "x2": {"field": "end"}},
    }
    point = {
        "data": {"values": values},
        "mark": _POINT | {"size": 90, "yOffset": _BAR_DOWN},
        "encoding": {
            "y": place,
            "x": _quantity("second", **where),
            "color": _named("kind", _colours(kinds, kinds), _legend("circle")),
            "shape": _named("kind", {"domain": list(kinds), "range": list(_MOMENTS[: len(kinds)])}, _legend("circle")),
            "tooltip": [_tooltip("name", "engine"), _tooltip("kind", "what"), _number_tooltip("second", "seconds")],
        },
    }
    named = {"data": {"values": ends}} | _names_above(place, "width")
    return _finish({"layer": [line, point, named]}, height=_BAR_STEP * max(len(rows), 1), description=description)


def stacks(rows: Sequence[Part], names: Sequence[str], parts: Sequence[str], unit: str, description: str) -> Spec:
    """Horizontal bars, each stacked from its parts in the order of `parts`."""
    values = [
        {"name": r.name, "part": r.part, "value": r.value, "label": r.label, "order": parts.index(r.part)} for r in rows
    ]
    there = [name for name in names if any(row.name == name for row in rows)]
    place = _place(there)
    drawn = {
        "mark": {"type": "bar", "height": 14, "yOffset": _BAR_DOWN},
        "encoding": {
            "y": place,
            "x": _quantity("value", aggregate="sum", title=unit, axis={"tickCount": 4, "format": ",d"}),
            "color": _named("part", _colours(parts, parts), _legend("square")),
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [_tooltip("name", "engine"), _tooltip("part", "role"), _tooltip("label", "memory")],
        },
    }
    named = {"data": {"values": [{"name": name} for name in there]}} | _names_above(place, "width")
    chart = {"data": {"values": values}, "layer": [drawn, named]}
    return _finish(chart, height=_BAR_STEP * max(len(there), 1), description=description)


def curves(rows: Sequence[Curve], names: Sequence[str], description: str) -> Spec:
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
    axis = {"values": ticks, "labelExpr": "'p' + format(100 * (1 - pow(10, -datum.value)), '.6~r')"}
    shown = {
        "x": _quantity(
            "nines",
            title="share of results at least as fast",
            scale={"domain": [0, deepest], "nice": False},
            axis=axis,
        ),
        "y": _latency_axis([value["latency"] for value in values]),
        "detail": {"field": "trial", "type": "nominal"},
        "color": _named("name", _colours(names, drawn), _legend("stroke")),
        "strokeDash": _named("name", _dashes(names, drawn), _legend("stroke")),
    }
    tooltip = [
        _tooltip("name", "engine"),
        *([_tooltip("trial", "trial")] if any(row.trial for row in rows) else []),
        _tooltip("percentile", "share"),
        _number_tooltip("latency", "ms"),
    ]
    line = {"mark": _LINE | {"interpolate": "monotone"}, "encoding": shown | {"opacity": _PALENESS}}
    hover = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0},
        "encoding": shown | {"tooltip": tooltip},
    }
    return _finish({"data": {"values": values}, "layer": [line, hover]}, height=320, description=description)


@dataclass(frozen=True)
class Offered:
    """Latencies in ms at offered rates in events per second, ascending; marked: rates that were not held."""

    name: str
    points: Sequence[tuple[float, float]]
    marked: frozenset[float]


def offered(rows: Sequence[Offered], names: Sequence[str], description: str) -> Spec:
    """Latency against the offered load; a cross is a rate that was not held."""
    values: list[dict[str, Any]] = [
        {"name": row.name, "rate": rate, "latency": latency, "held": rate not in row.marked}
        for row in rows
        for rate, latency in row.points
        if latency > 0
    ]
    drawn = list(dict.fromkeys(row.name for row in rows))
    shown = {
        "x": _quantity(
            "rate",
            title="offered events per second",
            scale={"type": "log", "nice": False},
            axis={"labelOverlap": "greedy", "format": "~s"},
        ),
        "y": _latency_axis([value["latency"] for value in values]),
        "color": _named("name", _colours(names, drawn), _legend("stroke")),
    }
    shape = _named("held", {"domain": [True, False], "range": ["circle", "cross"]}, None)
    tooltip = [
        _tooltip("name", "engine"),
        _number_tooltip("rate", "events/s", ".3~s"),
        _number_tooltip("latency", "p99, ms"),
        _tooltip("held", "held"),
    ]
    line = {"mark": _LINE, "encoding": shown}
    point = {
        "mark": {"type": "point", "filled": True, "size": 70},
        "encoding": shown | {"shape": shape, "tooltip": tooltip},
    }
    return _finish({"data": {"values": values}, "layer": [line, point]}, height=320, description=description)


@dataclass(frozen=True)
class Timeline:
    """A latency in ms at each second, and the moments at which a fault fell, each with what was done."""

    name: str
    points: Sequence[tuple[float, float]]
    strikes: Sequence[tuple[float, str]]


def timelines(rows: Sequence[Timeline], names: Sequence[str], description: str) -> Spec:
    """Latency over time, a panel for each name; a rule stands where a fault fell.

    Panels cannot be fitted to a width by Vega-Lite: the page sets that of `spec` before it draws.
    """
    points: list[dict[str, Any]] = [
        {"name": row.name, "second": second, "latency": latency}
        for row in rows
        for second, latency in row.points
        if latency > 0
    ]
    rules = [{"name": row.name, "second": second, "done": done} for row in rows for second, done in row.strikes]
    drawn = [row.name for row in rows]
    where = _quantity("second", title="second after warm-up", scale={"nice": False})
    line = {
        "transform": [{"filter": "isValid(datum.latency)"}],
        "mark": {"type": "line", "strokeWidth": 2, "interpolate": "step-after"},
        "encoding": {
            "x": where,
            "y": _latency_axis([point["latency"] for point in points]),
            "color": _named("name", _colours(names, drawn), None),
            "tooltip": [_number_tooltip("second", "second", ".0f"), _number_tooltip("latency", "ms")],
        },
    }
    rule = {
        "transform": [{"filter": "isValid(datum.done)"}],
        "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": "var(--bad)"},
        "encoding": {"x": where, "tooltip": [_number_tooltip("second", "second", ".1f"), _tooltip("done", "done")]},
    }
    header = {"labelAngle": 0, "labelAlign": "left", "labelAnchor": "start", "labelOrient": "top", "labelLimit": 230}
    panels = {
        "data": {"values": [*points, *rules]},
        "facet": {"row": {"field": "name", "type": "nominal", "title": None, "sort": drawn, "header": header}},
        "spec": {"layer": [line, rule], "width": 780, "height": 90},
        "description": description,
    }
    return _finish(panels, autosize="pad")


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


def _latency_axis(latencies: Sequence[float]) -> Spec:
    """Latencies in ms on a logarithmic axis around them."""
    steps = _steps(latencies)
    return _quantity(
        "latency",
        title=None,
        scale={"type": "log", "domain": [steps[0], steps[-1]], "nice": False},
        axis={
            "values": steps,
            "labelExpr": "datum.value < 1000 ? datum.value + ' ms' : datum.value / 1000 + ' s'",
        },
    )


def _colours(names: Sequence[str], drawn: Sequence[str]) -> Spec:
    """The colour of a name is that of its place among all `names`, whichever are drawn."""
    colours = {name: f"var(--series-{number % SERIES_COLOURS + 1})" for number, name in enumerate(names)}
    return {"domain": list(drawn), "range": [colours[name] for name in drawn]}


def _dashes(names: Sequence[str], drawn: Sequence[str]) -> Spec:
    dashes = {name: _DASHES[number % len(_DASHES)] for number, name in enumerate(names)}
    return {"domain": list(drawn), "range": [dashes[name] for name in drawn]}


_PALENESS: Spec = {
    "field": "sound",
    "type": "ordinal",
    "legend": None,
    "scale": {"domain": [True, False], "range": [1, 0.3]},
}
"""What was wrong is drawn pale."""

_LINE: Spec = {"type": "line", "strokeWidth": 2.25}
_POINT: Spec = {"type": "point", "filled": True, "stroke": "var(--surface)", "strokeWidth": 1, "opacity": 1}


def _place(order: Sequence[str]) -> Spec:
    """A row for each name, in that order; the names are written above, and not at an axis."""
    return {"field": "name", "type": "nominal", "sort": list(order), "axis": None}


def _quantity(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative"} | more


def _named(field: str, scale: Spec, legend: Spec | None) -> Spec:
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def _tooltip(field: str, title: str) -> Spec:
    return {"field": field, "type": "nominal", "title": title}


def _number_tooltip(field: str, title: str, form: str = ".3~r") -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "format": form}


def _text(align: str) -> Spec:
    return {"type": "text", "align": align, "dy": -_BAR_DOWN, "fontSize": 13}


def _names_above(place: Spec, room: str) -> Spec:
    """Each name at the left above its bar. room: an expression for its width, beyond which it ends in dots."""
    mark = _text(align="left") | {"limit": {"expr": room}, "color": "var(--ink)"}
    return {"mark": mark, "encoding": {"y": place, "x": {"value": 0}, "text": {"field": "name", "type": "nominal"}}}


def _legend(symbol: str) -> Spec:
    return {
        "title": None,
        "orient": "top",
        "symbolType": symbol,
        "symbolStrokeWidth": 3,
        "symbolSize": 180,
        "labelLimit": {"expr": "max(60, min(190, width - 34))"},
        "labelFontSize": {"expr": "width < 260 ? 11 : 13"},
        "columnPadding": 20,
        # More of them in a row would be cut off at the right.
        "columns": {"expr": "max(1, floor(width / 250))"},
    }


def _finish(chart: Spec, height: int | None = None, description: str = "", autosize: str = "") -> Spec:
    """The whole specification. height, description: of a chart that is as wide as its place."""
    fitted = {} if height is None else {"width": "container", "height": height, "description": description}
    config = {
        "background": "transparent",
        "font": _FONT,
        # What descends below a line of text, and half a letter of the last label, need room.
        "padding": {"left": 0, "right": 4, "top": 5, "bottom": 8},
        "view": {"stroke": None},
        "axis": {
            "labelColor": "var(--ink)",
            "titleColor": "var(--muted)",
            "gridColor": "var(--line)",
            "domainColor": "var(--line)",
            "tickColor": "var(--line)",
            "labelFontSize": 13,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
        },
        "header": {"labelColor": "var(--ink)", "labelFontSize": 13},
        "legend": {"labelColor": "var(--ink)", "labelFontSize": 13},
    }
    shaped = autosize or {"type": "fit-x", "contains": "padding"}
    spec: Spec = printable_values({"$schema": _SCHEMA, "config": config} | chart | fitted)
    return spec | {"autosize": shaped}
