"""Nothing from outside reaches a terminal, a page or a chart as it stands: the unseen is shown by its number."""

from __future__ import annotations

import io
import json
import re

import pytest
import vl_convert
from rich.console import Console
from rich.text import Text

from harness.display import Bars, Live, Plain
from harness.doctor import Finding, lines
from harness.problem import Problem
from harness.provisioning.progress import Lines
from reports import html, sections, terminal, vega
from reports.sections.section import Section, TerminalPart
from results.printable import printable, printable_lines, printable_values
from results.result import RunResult
from tests.made_up import mixed

CLIPBOARD, TITLE, CLEAR, C1, RIGHT_TO_LEFT = "\x1b]52;c;ZXZpbA==\x07", "\x1b]0;evil\x07", "\x1b[2J", "\x9b31m", "\u202e"
HOSTILE = f"a{CLIPBOARD}{TITLE}{CLEAR}{C1}{RIGHT_TO_LEFT}\u2066\u2028\u2029\x7f\r\x08\nerror: forged"
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]|\x1b\]|\x1b\[2J")
"""All of it but the colours that Rich makes."""


def on_terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=140)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def assert_inert(text: str) -> None:
    assert not UNSEEN.search(text)
    assert not re.search(r"^error: forged", text, re.MULTILINE)
    assert "\\u001b" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe → 5 µs\t漢字", "Größe → 5 µs\t漢字"),
        ("\x1b[31m", "\\u001b[31m"),
        ("a\u202eb\u2069", "a\\u202eb\\u2069"),
        ("two\nlines", "two\\u000alines"),
        ("\U000e0041\ud800\ufeff", "\\udb40\\udc41\\ud800\\ufeff"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_number(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_stay_lines_and_json_stays_the_same_data() -> None:
    assert printable_lines("a\x1b\nb\r") == "a\\u001b\nb\\u000d"
    data = {HOSTILE: [HOSTILE, 1, None, {"x": True}]}
    text = printable_lines(json.dumps(data, ensure_ascii=False, indent=1))
    assert not UNSEEN.search(text)
    assert json.loads(text) == data
    assert printable_values(data) == {printable(HOSTILE): [printable(HOSTILE), 1, None, {"x": True}]}


def test_a_problem_forges_no_line() -> None:
    text = Problem(f"it died; its last lines:\n{HOSTILE}", HOSTILE, HOSTILE).text()
    assert_inert(text)
    first, *further = text.split("\n")
    assert first == "error: it died; its last lines:"
    assert [line for line in further if not line.startswith("  ")] == []


@pytest.mark.parametrize("kind", [Live, Plain])
def test_what_a_run_says_while_it_runs_is_inert(kind: type[Live | Plain]) -> None:
    console = on_terminal()
    display = kind(console)
    display.step(HOSTILE, HOSTILE)
    display.progress(HOSTILE, HOSTILE, 1, 2, HOSTILE)
    if isinstance(display, Live):
        console.print(display._bar.get_renderable())
    display.finished(HOSTILE, HOSTILE)
    assert_inert(told(console))


def test_what_provisioning_says_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    console = on_terminal()
    Bars(console).step(HOSTILE)
    Lines().step(HOSTILE)
    for text in (told(console), capsys.readouterr().err, "\n".join(lines([Finding("tool", "x", "ok", HOSTILE)]))):
        assert_inert(text)


@pytest.fixture(scope="module")
def hostile_run() -> RunResult:
    """A run with whatever may come from outside replaced by the worst."""

    def replaced(value: object, name: str = "") -> object:
        if isinstance(value, dict):
            return {key: replaced(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item, name) for item in value]
        free = ("engine", "mode", "workload", "reason", "notes", "last_lines", "key", "explanation", "cpu", "detail")
        return f"{value}{HOSTILE}" if isinstance(value, str) and name in free else value

    return RunResult.model_validate(replaced(mixed().model_dump()))


def test_a_hostile_result_is_inert_in_a_terminal(hostile_run: RunResult) -> None:
    console = on_terminal()
    terminal.render(hostile_run, f"runs/{HOSTILE}", console)
    assert_inert(told(console))


def test_a_hostile_section_is_inert_in_a_terminal(hostile_run: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise ValueError(HOSTILE)

    shows = [lambda *_: [HOSTILE, Text(HOSTILE, "red")], broken]
    made = {str(at): Section(f"s{at}", terminal=TerminalPart(at, show)) for at, show in enumerate(shows)}
    monkeypatch.setattr(sections, "discover", lambda: made)
    console = on_terminal()
    terminal.render(hostile_run, "x", console)
    text = told(console)
    assert not UNSEEN.search(text)
    assert "s1: This section could not be made" in re.sub(r"\x1b\[\d*m", "", text)


def test_a_hostile_result_is_inert_on_a_page(hostile_run: RunResult) -> None:
    page = html.render(hostile_run, f"streamgauge run {HOSTILE}")
    body = page[: page.index('<script type="application/json"')]
    assert not UNSEEN.search(body[body.index("<body>") :])
    copied = re.search(r'<pre tabindex="0" id="command">(.*?)</pre>', page, re.DOTALL)
    assert copied is not None
    assert "\n" not in copied[1]


def test_every_chart_of_a_hostile_result_is_drawn(hostile_run: RunResult) -> None:
    page = html.render(hostile_run, "x")
    found = re.search(r'id="charts-json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    specs = json.loads(found[1])
    assert len(specs) > 3
    for spec in specs:
        assert vl_convert.vegalite_to_svg(spec).startswith("<svg")


def test_a_name_that_ends_a_line_is_no_part_of_an_expression() -> None:
    rows = [vega.Bar("a\u2028b", 1, "1"), vega.Bar("c", 2, "2")]
    spec = vega.bars(rows, [row.name for row in rows], "ms", "x")
    assert "a\\u2028b" in vl_convert.vegalite_to_svg(spec)
