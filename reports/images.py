"""The charts of a run as image files, for slides and documents. Drawn by vl-convert, which is an extra of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.comparison import compare
from results.folder import write_whole
from results.printable import printable

if TYPE_CHECKING:
    from reports.elements import Figure
    from results.result import RunResult

_WIDTH = 720
"""Of a drawn chart, in px; an SVG has no other size than this one, a PNG is twice as fine."""


def write(run: RunResult, folder: Path) -> list[Path]:
    """Draw every chart as NUMBER-TITLE.svg and .png into a folder, which is made where it is missing.

    Raises ImportError where vl-convert is not installed, and OSError where a file cannot be written.
    """
    import vl_convert

    from reports.figures import figures

    folder.mkdir(parents=True, exist_ok=True)
    drawn = [(each.title, figure) for each in compare(run) for figure in figures(each)]
    paths = []
    for number, (asked, figure) in enumerate(drawn, 1):
        spec = standalone(figure, asked)
        path = folder / f"{number:02}-{_slug(figure.title)}"
        write_whole(path.with_suffix(".svg"), vl_convert.vegalite_to_svg(spec).encode())
        write_whole(path.with_suffix(".png"), vl_convert.vegalite_to_png(spec, scale=2))
        paths += [path.with_suffix(".svg"), path.with_suffix(".png")]
    return paths


def standalone(figure: Figure, asked: str) -> dict[str, Any]:
    """The specification of a chart that no page is around: with its title, a width, and colours in place of the page's
    variables. asked: the title of its table.
    """
    text = re.sub(r"var\((--[a-z0-9-]+)\)", lambda found: _colours()[found[1]], json.dumps(figure.spec))
    spec: dict[str, Any] = json.loads(text)
    if spec.get("width") == "container":
        spec["width"] = _WIDTH
    spec["config"] |= {"background": _colours()["--surface"], "padding": 16}
    title = {"text": printable(figure.title), "subtitle": printable(asked), "anchor": "start", "fontSize": 16}
    return spec | {"title": title | {"offset": 14}}


@cache
def _colours() -> Mapping[str, str]:
    """The page's variables for a light background, by name."""
    css = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    light, _, _ = css.partition("@media")
    return dict(re.findall(r"(--[a-z0-9-]+): ([^;]+);", light))


def _slug(title: str) -> str:
    """What of a title may stand in a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "chart"
