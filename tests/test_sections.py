"""A section of a report is one file or one entry point, and none can break the report."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from reports import html, sections, terminal
from reports.columns import MetricColumn, columns
from reports.comparison import compare
from reports.sections import comparability
from reports.sections.section import PagePart, Section
from results.metrics import send_lag
from results.result import RunResult
from tests import made_up
from tests.outside import drop, install

ROOT = Path(__file__).parent.parent

Add = Callable[[str, Path, pytest.MonkeyPatch], None]

FAVOURITE = '''
"""Which engine is the favourite."""

from rich.table import Table as TerminalTable
from rich.text import Text

from reports.elements import Hint, Table
from reports.sections.section import PagePart, Section, TerminalPart


def page(report):
    yield Hint("Chosen by lot.")
    yield Table("Favourites", ("engine", "why"), [(row.name, "it is nice") for row in report.rows])


def show(comparison, width):
    table = TerminalTable()
    table.add_column(f"favourites in {width} columns")
    table.add_row(comparison.rows[0].name)
    yield table
    yield "first [b]remark[/b]"
    yield Text("second remark")


section = Section("favourite", PagePart("The favourite", 25, page, "Favourite"), TerminalPart(15, show))
'''

HOSTILE = "</script><script>alert('x')</script><img src=x>\"'&[bold]"

HOSTILE_SECTION = f"""
from reports.elements import *
from reports.sections.section import PagePart, Section, TerminalPart

X = {HOSTILE!r}
TABLE = Table(X, [X, Heading(X, "speed")], [(X, Cell(X, X, [X], X)), TableRow([X, X], X)], X)
FIGURE = Figure(X, X, {{"title": X}}, [X], [[X]])
ELEMENTS = [Paragraph(X), Hint(X), Hint(X, without_script=True), TABLE, Checks([Check(True, X), Check(False, X)])]
ELEMENTS += [Figures([FIGURE]), Command(X), Matrix(X, X, [X, X], [(X, [Answer("fail", X, X, X, X, True), None])])]
ELEMENTS += [Details(X, list(ELEMENTS)), SideBySide(list(ELEMENTS))]

section = Section("hostile", PagePart(X, 5, lambda report: ELEMENTS, X), TerminalPart(5, lambda comparison, width: [X]))
"""

FAILING = """
from reports.elements import Figure, Figures, Hint
from reports.sections.section import PagePart, Section, TerminalPart


class Broken:
    def __rich_console__(self, console, options):
        yield "half of it"
        raise RuntimeError("</section><script>alert('x')</script>")


def raises(*_):
    yield Hint("half of it")
    raise RuntimeError("</section><script>alert('x')</script>")


def shows(*_):
    yield "half of it"
    raise RuntimeError("</section><script>alert('x')</script>")


def no_number(*_):
    yield Figures([Figure(str(value), "", {"a": value}, ["engine"], []) for value in (1, float("nan"))])


section = Section("failing", PagePart("The failing one", 5, PAGE), TerminalPart(5, SHOW))
"""


def page_of(run: RunResult) -> str:
    return html.render(run, "streamgauge run quick")


def printed(run: RunResult, width: int = 120) -> str:
    stream = io.StringIO()
    terminal.render(run, "runs/x", Console(file=stream, width=width, highlight=False))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def shown_in_order(page: str) -> list[str]:
    return re.findall(r'<section id="(.*?)">', page)


def without_section(page: str, name: str) -> str:
    return re.sub(rf'\n<section id="{name}">.*?</section>', "", page, flags=re.DOTALL)


def test_all_of_our_own_sections_can_be_loaded_and_none_fails() -> None:
    assert {section for section in sections.discover().values() if not isinstance(section, Section)} == set()
    for run in (made_up.six(), made_up.mixed(), RunResult(run="r", suite="s", machine=None, cases=[])):
        assert "could not be made" not in page_of(run) + printed(run)


@pytest.mark.parametrize("add", [drop, install])
def test_a_section_from_outside_is_on_the_page_in_its_navigation_and_in_the_terminal(
    add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = page_of(made_up.six())
    add(FAVOURITE, tmp_path, monkeypatch)
    page, text = page_of(made_up.six()), printed(made_up.six())
    order = shown_in_order(page)
    assert order == [*order[:1], "favourite", *order[2:]]
    assert [name for name in order if name != "favourite"] == shown_in_order(before)
    assert '<a href="#favourite">Favourite</a>' in page
    assert "<h2>The favourite</h2>" in page
    assert '<th scope="row">flink</th><td>it is nice</td>' in page
    assert text.index("claimed → seen") < text.index("favourites in 120 columns")
    assert "\n\nfirst [b]remark[/b]\nsecond remark\nmicro-batch: the backlog lasted" in text


def test_a_section_that_gives_no_elements_is_neither_on_the_page_nor_in_its_navigation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = page_of(made_up.six()), printed(made_up.six())
    drop(
        "from reports.sections.section import PagePart, Section, TerminalPart\n"
        "none = lambda *_: ()\n"
        "section = Section('none', PagePart('None', 25, none, 'None'), TerminalPart(15, none))\n",
        tmp_path,
        monkeypatch,
    )
    assert "none" in sections.discover()
    assert (page_of(made_up.six()), printed(made_up.six())) == before


@pytest.mark.parametrize("on_page", ["raises", "no_number"])
@pytest.mark.parametrize("in_terminal", ["shows", "lambda *_: [Broken()]"], ids=("raises", "broken"))
def test_a_section_that_fails_says_so_in_its_place_and_the_rest_is_as_it_was(
    on_page: str, in_terminal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_before, text_before = page_of(made_up.six()), printed(made_up.six())
    drop(FAILING.replace("PAGE", on_page).replace("SHOW", in_terminal), tmp_path, monkeypatch)
    page, text = page_of(made_up.six()), printed(made_up.six())
    assert shown_in_order(page)[0] == "failing"
    why = {
        "raises": "RuntimeError: &lt;/section&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;",
        "no_number": "ValueError: Out of range float values are not JSON compliant",
    }[on_page]
    assert f"<h2>The failing one</h2>\n<p>This section could not be made: {why}" in page
    assert without_section(page, "failing") == page_before
    said = "failing: This section could not be made: RuntimeError: </section><script>alert('x')</script>"
    assert text.count(said) == 1
    assert text.replace(f"\n{said}\n", "") == text_before
    assert "half of it" not in page + text


@pytest.mark.parametrize("add", [drop, install])
@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ValueError('<b>no</b>')", "ValueError: <b>no</b>"),
        ("section = 7", "this is no Section: int"),
        (
            "from reports.sections.section import Section\nsection = Section('Bad name')",
            "ValueError: the name of a section is of small letters, digits and hyphens: 'Bad name'",
        ),
        (
            "from reports.sections.section import Section\nsection = Section('x', page=7)",
            "TypeError: this is no PagePart whose order is a whole number: 7",
        ),
        (
            "from reports.sections.section import Section\nsection = Section('late')",
            "there is a section 'late' already",
        ),
    ],
    ids=("raises", "no-section", "name", "part", "taken"),
)
def test_a_section_that_cannot_be_loaded_is_named_with_the_reason_and_the_rest_is_as_it_was(
    add: Add, source: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_before, text_before = page_of(made_up.six()), printed(made_up.six())
    add(source, tmp_path, monkeypatch)
    place = "reports.sections.dropped" if add is drop else "from-outside = outside:section"
    page, text = page_of(made_up.six()), printed(made_up.six())
    escaped = why.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
    assert f'<th scope="row">{place}</th><td>{escaped}</td>' in page
    assert without_section(page, "unavailable") == page_before
    assert text.replace(f"\n{place}: {why}\n", "") == text_before


def test_hostile_text_in_every_element_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = page_of(made_up.six())
    drop(HOSTILE_SECTION, tmp_path, monkeypatch)
    page = page_of(made_up.six())
    assert "hostile" in shown_in_order(page)
    assert "could not be made" not in page
    assert "<script>alert" not in page
    assert "<img" not in page[: page.index("<script")]
    assert page.count("</script>") == page.count("<script") == plain.count("<script")
    assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") > 50
    assert HOSTILE in printed(made_up.six())


def test_page_and_terminal_have_the_same_columns_of_metrics_from_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    lag = MetricColumn(send_lag.P99, "lag of\nthe load", "lag", bare=False)
    shown = (lag, *columns()[:2])
    monkeypatch.setattr("reports.sections.results_table.columns", lambda: shown)
    page, text = page_of(made_up.six()), printed(made_up.six())
    head = re.findall(r'<th scope="col"(?: class="number")?>(.*?)</th>', page[: page.index("</thead>")])
    assert head[4:-1] == ["lag of<br>the load", "drain rate", "p50"]
    assert '<td class="number speed">1.25 ms</td><td class="number speed">812 k/s<span' in page
    assert re.search(r"continuous +pass +1\.25 ms +812 k/s +31\.7 ms +0/0/0 ", text)
    assert "1.25 ms" in printed(made_up.six(), 80)


def test_a_section_stands_by_its_order_and_then_by_its_name() -> None:
    parts = {name: section.page for name, section in sections.discover().items() if isinstance(section, Section)}
    ordered = shown_in_order(page_of(made_up.mixed()))
    orders = [(part.order, name) for name in ordered if (part := parts[name])]
    assert orders == sorted(orders)
    assert isinstance(parts["again"], PagePart)
    assert ordered[0] == "results"
    assert ordered[-1] == "again"


def test_a_terminal_waits_for_nothing_that_draws() -> None:
    code = (
        "import sys; from reports import sections, terminal; sections.discover();"
        "print(sorted({'jinja2', 'vl_convert'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_engines_on_other_events_are_told_apart() -> None:
    cases = [*made_up.pair("a"), *made_up.pair("b", asked=made_up.plan("b", seed=2))]
    run = RunResult(run="r", suite="s", machine=made_up.MACHINE, cases=cases)
    told = {check.text: check.good for check in comparability.checks(run, compare(run))}
    assert told["The engines were not given the same events."] is False
