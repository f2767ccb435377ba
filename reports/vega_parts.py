"""What the charts of a report have in common, as parts of Vega-Lite specifications: axes, scales, legends, looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from results.printable import printable_values

SERIES_COLOURS = 8
"""The page defines --series-1 .. --series-8; further series begin again at 1."""

BAR_DOWN = 9
"""How far below the middle of its place a bar is drawn, px; what is written stands as far above."""

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# The page's own; named here because the width of a label is measured with it.
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])


def nines(share: float) -> float:
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


def latency_axis(latencies: Sequence[float]) -> Spec:
    """Latencies in ms on a logarithmic axis around them."""
    steps = _steps(latencies)
    return quantity(
        "latency",
        title=None,
        scale={"type": "log", "domain": [steps[0], steps[-1]], "nice": False},
        axis={
            "values": steps,
            "labelExpr": "datum.value < 1000 ? datum.value + ' ms' : datum.value / 1000 + ' s'",
        },
    )


def colours(names: Sequence[str], drawn: Sequence[str]) -> Spec:
    """The colour of a name is that of its place among all `names`, whichever are drawn."""
    colours = {name: f"var(--series-{number % SERIES_COLOURS + 1})" for number, name in enumerate(names)}
    return {"domain": list(drawn), "range": [colours[name] for name in drawn]}


def dashes(names: Sequence[str], drawn: Sequence[str]) -> Spec:
    dashes = {name: _DASHES[number % len(_DASHES)] for number, name in enumerate(names)}
    return {"domain": list(drawn), "range": [dashes[name] for name in drawn]}


PALENESS: Spec = {
    "field": "sound",
    "type": "ordinal",
    "legend": None,
    "scale": {"domain": [True, False], "range": [1, 0.3]},
}
"""What was wrong is drawn pale."""

LINE: Spec = {"type": "line", "strokeWidth": 2.25}
POINT: Spec = {"type": "point", "filled": True, "stroke": "var(--surface)", "strokeWidth": 1, "opacity": 1}


def place(order: Sequence[str]) -> Spec:
    """A row for each name, in that order; the names are written above, and not at an axis."""
    return {"field": "name", "type": "nominal", "sort": list(order), "axis": None}


def quantity(field: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative"} | more


def named(field: str, scale: Spec, legend: Spec | None) -> Spec:
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def tooltip(field: str, title: str) -> Spec:
    return {"field": field, "type": "nominal", "title": title}


def number_tooltip(field: str, title: str, form: str = ".3~r") -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "format": form}


def text(align: str) -> Spec:
    return {"type": "text", "align": align, "dy": -BAR_DOWN, "fontSize": 13}


def names_above(place: Spec, room: str) -> Spec:
    """Each name at the left above its bar. room: an expression for its width, beyond which it ends in dots."""
    mark = text(align="left") | {"limit": {"expr": room}, "color": "var(--ink)"}
    return {"mark": mark, "encoding": {"y": place, "x": {"value": 0}, "text": {"field": "name", "type": "nominal"}}}


def legend(symbol: str) -> Spec:
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


def finish(chart: Spec, height: int | None = None, description: str = "", autosize: str = "") -> Spec:
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
