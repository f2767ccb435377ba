"""One self-contained HTML page for a run. It loads nothing, and everything that comes from results is escaped.

What cannot be seen as itself is shown by its number, as in a terminal: marks that turn the direction of writing would
move figures from cell to cell.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from reports import sections, summary, units
from reports.comparison import compare
from reports.elements import Element, Paragraph, Table
from reports.sections import Unavailable
from reports.sections.section import PagePart, Report, Section, failure
from results import provenance
from results.printable import printable, printable_lines
from results.result import RunResult

_FOLDER = Path(__file__).parent

_BUNDLE = "vega_bundle.js"
"""Vega, Vega-Lite and Vega-Embed as one script, ready for a page; made by `bundled` of tests/test_vega_bundle.py."""


@dataclass(frozen=True)
class _Made:
    """A section as HTML. charts: their specifications, as JSON."""

    name: str
    short_title: str
    html: Markup
    charts: list[Markup]


@dataclass(frozen=True)
class Head:
    """What stands over the sections of a page, and what the page carries."""

    name: str
    """The page's, for a browser's tab."""
    facts: Sequence[str]
    """What, when and on what: a line over the title."""
    title: str
    """The answer in a sentence."""
    told: Sequence[tuple[str, str]]
    """Sentences under the title, each with what it is about, which may be empty."""
    leads: Sequence[str]
    """Paragraphs that follow them."""
    results: dict[str, Any]
    """Plain data that the page holds, to be taken out of it."""
    footer: str
    """What stands at the end, after the name of Streamgauge."""


def render(run: RunResult, command: str, against: tuple[str, RunResult] | None = None) -> str:
    """The page. command: what to type to run the same again. against: another result, and how its user calls it."""
    # On one line: what is copied from a page and pasted into a shell must not run by itself.
    report = Report(run, tuple(compare(run)), printable(command), against)
    head = Head(
        name=f"{run.suite} · {run.run}",
        facts=_facts(run),
        title=summary.title(report.comparisons),
        told=summary.recoveries(report.comparisons),
        leads=summary.leads(report.comparisons),
        results=run.model_dump(mode="json"),
        footer=f"method version {run.method_version}",
    )
    return assembled(head, _parts(), report)


def assembled(head: Head, parts: Iterable[tuple[str, PagePart]], report: Report) -> str:
    """A page of these parts, each with its anchor, in their order. report: what they are given."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, finalize=_visible
    )
    template = environment.get_template("section.html")
    made: list[_Made] = []
    charts: list[Markup] = []
    for name, part in parts:
        section = _make(template, name, part, report, len(charts))
        if section is not None:
            made.append(section)
            charts += section.charts
    return environment.get_template("page.html").render(
        head=head,
        sections=made,
        style=_own("page.css"),
        script=_own("page.js"),
        bundle=_own(_BUNDLE),
        results=_packed(head.results),
        # Safe within a script element: no character that could end it is left.
        charts_json=Markup("[{}]").format(Markup(", ").join(charts)),
    )


def _packed(results: dict[str, Any]) -> str:
    """As JSON, packed by gzip, in Base64: results of a hundred cases are half of a page otherwise."""
    text = json.dumps(results, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text, mtime=0)).decode()


def _facts(run: RunResult) -> list[str]:
    """What, when and on what, for the line over the title."""
    told = provenance.of(run)
    machine = run.machine
    where = f"{machine.cpu}, {machine.cores} cores, {units.size(machine.memory_bytes)}" if machine else ""
    return list(filter(None, (f"suite {run.suite}", units.date(told.started), where, f"run {run.run}")))


def _own(name: str) -> Markup:
    """A file of ours as it stands: no result is in it."""
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


def _visible(value: Any) -> Any:
    """What the templates print, but for HTML that was made already."""
    return printable_lines(value) if type(value) is str else value


def _parts() -> Iterator[tuple[str, PagePart]]:
    """What there is on the page, in its order; last, what there should be and cannot be loaded."""
    found = sections.discover().values()
    parts = [(section.name, section.page) for section in found if isinstance(section, Section) and section.page]
    yield from sorted(parts, key=lambda named: (named[1].order, named[0]))
    missing = [(section.name, section.why) for section in found if isinstance(section, Unavailable)]
    if missing:
        table = Table("Missing from this page", ("section", "why"), missing)
        yield "unavailable", PagePart("Sections that cannot be loaded", 0, lambda _: (table,))


def _make(template: Template, name: str, part: PagePart, report: Report, first_chart: int) -> _Made | None:
    """The section; None if it does not apply. One that fails is there, and says why."""
    charts: list[Markup] = []

    def number(spec: dict[str, Any]) -> int:
        """The place of a chart among all of the page."""
        charts.append(htmlsafe_json_dumps(spec, allow_nan=False, separators=(",", ":")))
        return first_chart + len(charts) - 1

    def escaped(elements: list[Element]) -> Markup:
        text = template.render(name=name, title=part.title, elements=elements, number=number)
        return Markup(text)  # noqa: S704 - the template has escaped

    try:
        elements = list(part.elements(report))
        made = escaped(elements) if elements else None
    except Exception as error:
        charts.clear()
        made = escaped([Paragraph(failure(error))])
    return None if made is None else _Made(name, part.short_title, made, charts)
