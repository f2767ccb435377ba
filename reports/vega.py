"""Charts of a report, as Vega-Lite specifications: plain data, drawn by the page that embeds them.

Colours are the page's CSS variables, so that one drawing serves light, dark and print. Names come from results and are
untrusted: we put them into data, sorts and scale domains only. Vega makes expressions of sorts and scales itself, in
which some characters cannot stand even in a quoted text (U+2028 ends the line): so every text is printable.

A chart is as wide as its place, down to a phone: what is written stands above its bar and not beside it, and a legend
has as many columns as there is room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports import vega_parts
from reports.vega_parts import Spec

_QUANTILES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999)
_PERCENTILE = "'p' + format(100 * (1 - pow(10, -VALUE)), '.6~r')"
"""An expression that names a place on the axis of nines."""
_LAST_LABEL = 24
"""So near to the end of an axis, in px, a label is moved to end with it."""
_BAR_STEP = 44
_LABEL_ROOM = 84
"""What the value above a bar takes at most of its width, px; the name has the rest."""
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
class BarPart:
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
    place = vega_parts.place([row.name for row in rows])
    length = {"axis": None, "scale": {"domain": [0, 1.02 * max((r.end for r in rows), default=1) or 1]}}
    tooltip = [vega_parts.tooltip("name", "engine"), vega_parts.tooltip("label", unit)]
    drawn = {
        "mark": {"type": "bar", "height": 14, "cornerRadiusEnd": 3, "yOffset": vega_parts.BAR_DOWN},
        "encoding": {
            "y": place,
            "x": vega_parts.quantity("value", **length),
            "color": vega_parts.named("name", vega_parts.colours(names, names), None),
            "opacity": vega_parts.PALENESS,
            "tooltip": tooltip,
        },
    }
    said = {
        "mark": vega_parts.text(align="right"),
        "encoding": {
            "y": place,
            "x": {"value": "width"},
            "text": {"field": "label", "type": "nominal"},
            "color": vega_parts.named("sound", {"domain": [True, False], "range": ["var(--ink)", "var(--bad)"]}, None),
            "tooltip": tooltip,
        },
    }
    layers = [drawn, *_trials(rows, place, length), vega_parts.names_above(place, f"width - {_LABEL_ROOM}"), said]
    chart = {"data": {"values": values}, "layer": layers, "resolve": {"scale": {"color": "independent"}}}
    return vega_parts.finish(chart, height=_BAR_STEP * max(len(rows), 1), description=description)


def _trials(rows: Sequence[Bar], place: Spec, length: Spec) -> list[Spec]:
    """A line for the interval of each bar, and a dot for each trial; nothing where no bar has any."""
    lines = [{"name": r.name, "low": r.interval[0], "high": r.interval[1]} for r in rows if r.interval]
    dots = [{"name": r.name, "trial": trial, "value": value} for r in rows for trial, value in r.dots]
    drawn: list[Spec] = []
    if lines:
        drawn.append(
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 2, "yOffset": vega_parts.BAR_DOWN},
                "encoding": {"y": place, "x": vega_parts.quantity("low", **length), "x2": {"field": "high"}},
            }
        )
    if dots:
        drawn.append(
            {
                "data": {"values": dots},
                "mark": vega_parts.POINT | {"size": 34, "color": "var(--ink)", "yOffset": vega_parts.BAR_DOWN},
                "encoding": {
                    "y": place,
                    "x": vega_parts.quantity("value", **length),
                    "tooltip": [vega_parts.tooltip("trial", "trial"), vega_parts.number_tooltip("value", "")],
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
    ends = [
        {"name": row.name, "begin": 0, "end": max((second for _, second in row.points), default=0.0)} for row in rows
    ]
    place = vega_parts.place([row.name for row in rows])
    where = {"title": "seconds after the injection", "axis": {"tickCount": 5}, "scale": {"zero": True}}
    line = {
        "data": {"values": ends},
        "mark": {"type": "rule", "color": "var(--line)", "strokeWidth": 3, "yOffset": vega_parts.BAR_DOWN},
        "encoding": {"y": place, "x": vega_parts.quantity("begin", **where), "x2": {"field": "end"}},
    }
    point = {
        "data": {"values": values},
        "mark": vega_parts.POINT | {"size": 90, "yOffset": vega_parts.BAR_DOWN},
        "encoding": {
            "y": place,
            "x": vega_parts.quantity("second", **where),
            "color": vega_parts.named("kind", vega_parts.colours(kinds, kinds), vega_parts.legend("circle")),
            "shape": vega_parts.named(
                "kind", {"domain": list(kinds), "range": list(_MOMENTS[: len(kinds)])}, vega_parts.legend("circle")
            ),
            "tooltip": [
                vega_parts.tooltip("name", "engine"),
                vega_parts.tooltip("kind", "what"),
                vega_parts.number_tooltip("second", "seconds"),
            ],
        },
    }
    named = {"data": {"values": ends}} | vega_parts.names_above(place, "width")
    return vega_parts.finish(
        {"layer": [line, point, named]}, height=_BAR_STEP * max(len(rows), 1), description=description
    )


def stacks(rows: Sequence[BarPart], names: Sequence[str], parts: Sequence[str], unit: str, description: str) -> Spec:
    """Horizontal bars, each stacked from its parts in the order of `parts`."""
    values = [
        {"name": r.name, "part": r.part, "value": r.value, "label": r.label, "order": parts.index(r.part)} for r in rows
    ]
    there = [name for name in names if any(row.name == name for row in rows)]
    place = vega_parts.place(there)
    drawn = {
        "mark": {"type": "bar", "height": 14, "yOffset": vega_parts.BAR_DOWN},
        "encoding": {
            "y": place,
            "x": vega_parts.quantity("value", aggregate="sum", title=unit, axis={"tickCount": 4, "format": ",d"}),
            "color": vega_parts.named("part", vega_parts.colours(parts, parts), vega_parts.legend("square")),
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [
                vega_parts.tooltip("name", "engine"),
                vega_parts.tooltip("part", "role"),
                vega_parts.tooltip("label", "memory"),
            ],
        },
    }
    named = {"data": {"values": [{"name": name} for name in there]}} | vega_parts.names_above(place, "width")
    chart = {"data": {"values": values}, "layer": [drawn, named]}
    return vega_parts.finish(chart, height=_BAR_STEP * max(len(there), 1), description=description)


def curves(rows: Sequence[Curve], names: Sequence[str], description: str) -> Spec:
    """Latency against the share of results that were as fast, on an axis of nines (HdrHistogram's habit)."""
    values: list[dict[str, Any]] = [
        {
            "name": row.name,
            "trial": row.trial,
            "nines": round(vega_parts.nines(share), 6),
            "latency": latency,
            "sound": row.sound,
        }
        for row in rows
        for share, latency in row.points
        if latency > 0
    ]
    deepest = max((value["nines"] for value in values), default=1.0)
    ticks = [vega_parts.nines(share) for share in _QUANTILES if vega_parts.nines(share) <= deepest + 0.01]
    drawn = list(dict.fromkeys(row.name for row in rows))
    # The last label stands at the end of the axis, where half of it would be cut off.
    axis = {"values": ticks, "labelExpr": _PERCENTILE.replace("VALUE", "datum.value"), "labelFlush": _LAST_LABEL}
    shown = {
        "x": vega_parts.quantity(
            "nines",
            title="share of results at least as fast",
            scale={"domain": [0, deepest], "nice": False},
            axis=axis,
        ),
        "y": vega_parts.latency_axis([value["latency"] for value in values]),
        "detail": {"field": "trial", "type": "nominal"},
        "color": vega_parts.named("name", vega_parts.colours(names, drawn), vega_parts.legend("stroke")),
        "strokeDash": vega_parts.named("name", vega_parts.dashes(names, drawn), vega_parts.legend("stroke")),
    }
    tooltip = [
        vega_parts.tooltip("name", "engine"),
        *([vega_parts.tooltip("trial", "trial")] if any(row.trial for row in rows) else []),
        vega_parts.tooltip("percentile", "share"),
        vega_parts.number_tooltip("latency", "ms"),
    ]
    line = {"mark": vega_parts.LINE | {"interpolate": "monotone"}, "encoding": shown | {"opacity": vega_parts.PALENESS}}
    hover = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0},
        "encoding": shown | {"tooltip": tooltip},
    }
    named = {"calculate": _PERCENTILE.replace("VALUE", "datum.nines"), "as": "percentile"}
    chart = {"data": {"values": values}, "transform": [named], "layer": [line, hover]}
    return vega_parts.finish(chart, height=320, description=description)


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
        "x": vega_parts.quantity(
            "rate",
            title="offered events per second",
            scale={"type": "log", "nice": False},
            axis={"labelOverlap": "greedy", "format": "~s"},
        ),
        "y": vega_parts.latency_axis([value["latency"] for value in values]),
        "color": vega_parts.named("name", vega_parts.colours(names, drawn), vega_parts.legend("stroke")),
    }
    shape = vega_parts.named("held", {"domain": [True, False], "range": ["circle", "cross"]}, None)
    tooltip = [
        vega_parts.tooltip("name", "engine"),
        vega_parts.number_tooltip("rate", "events/s", ".3~s"),
        vega_parts.number_tooltip("latency", "p99, ms"),
        vega_parts.tooltip("held", "held"),
    ]
    line = {"mark": vega_parts.LINE, "encoding": shown}
    point = {
        "mark": {"type": "point", "filled": True, "size": 70},
        "encoding": shown | {"shape": shape, "tooltip": tooltip},
    }
    return vega_parts.finish({"data": {"values": values}, "layer": [line, point]}, height=320, description=description)


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
    where = vega_parts.quantity("second", title="second after warm-up", scale={"nice": False})
    line = {
        "transform": [{"filter": "isValid(datum.latency)"}],
        "mark": {"type": "line", "strokeWidth": 2, "interpolate": "step-after"},
        "encoding": {
            "x": where,
            "y": vega_parts.latency_axis([point["latency"] for point in points]),
            "color": vega_parts.named("name", vega_parts.colours(names, drawn), None),
            "tooltip": [
                vega_parts.number_tooltip("second", "second", ".0f"),
                vega_parts.number_tooltip("latency", "ms"),
            ],
        },
    }
    rule = {
        "transform": [{"filter": "isValid(datum.done)"}],
        "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": "var(--bad)"},
        "encoding": {
            "x": where,
            "tooltip": [vega_parts.number_tooltip("second", "second", ".1f"), vega_parts.tooltip("done", "done")],
        },
    }
    header = {"labelAngle": 0, "labelAlign": "left", "labelAnchor": "start", "labelOrient": "top", "labelLimit": 230}
    panels = {
        "data": {"values": [*points, *rules]},
        "facet": {"row": {"field": "name", "type": "nominal", "title": None, "sort": drawn, "header": header}},
        "spec": {"layer": [line, rule], "width": 780, "height": 90},
        "description": description,
    }
    return vega_parts.finish(panels, autosize="pad")


def levels(values: Sequence[tuple[str, float]], begins: Sequence[int], unit: str, description: str) -> Spec:
    """A figure over runs, a dot each in order; a rule stands where a new level begins. values: of each run its name and
    its figure. begins: places among them.
    """
    dots = [{"place": place, "run": run, "value": value} for place, (run, value) in enumerate(values, 1)]
    rules = [{"place": begin + 0.5} for begin in begins]
    where = vega_parts.quantity("place", title="run", scale={"nice": False, "zero": False}, axis={"tickMinStep": 1})
    height = vega_parts.quantity("value", title=unit, scale={"zero": False}, axis={"format": "~s", "tickCount": 4})
    tooltip = [vega_parts.tooltip("run", "run"), vega_parts.number_tooltip("value", unit)]
    line = {
        "data": {"values": dots},
        "mark": {"type": "line", "point": True, "color": "var(--series-1)"},
        "encoding": {"x": where, "y": height, "tooltip": tooltip},
    }
    rule = {
        "data": {"values": rules},
        "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": "var(--bad)"},
        "encoding": {"x": where},
    }
    return vega_parts.finish({"layer": [line, rule]}, height=150, description=description)
