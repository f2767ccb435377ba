"""What other programs read of a gate: nothing in it, whoever wrote it, becomes markup, a command or broken XML."""

from __future__ import annotations

import io
import re
import unicodedata
from xml.etree import ElementTree

import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reports.gate import annotations, gate_markdown, gate_text, junit
from results.gate.conclusion import Trials, figures, to_look_at_again
from results.gate.gate_result import Acceptance, GateResult, WrongTrial
from tests.gate.made_up_trials import CASE, CPU, P99, RATE, gate, stage

HOSTILE = (
    "::error title=x::owned%0A\n::add-mask::y\r| a | <script>x</script> `b` [c](http://d) @org #1 www.e.f "
    "\x1b[31m \ud800 \u202e \uffff \u00a0\u0378\ue000\t"
)
SLOWER = {CPU: 0.8}


def compared(known: Acceptance | None = None) -> GateResult:
    trials = [*stage("screen", SLOWER), *stage("decision", SLOWER, cases=[CASE], seed=2)]
    every = Trials(trials)
    found = figures(every, to_look_at_again(every), [known] if known else [])
    return gate(verdict="regression", summary="Regression: it is.", figures=found, trials=trials)


def hostile() -> GateResult:
    wrong = WrongTrial(case=HOSTILE, side="candidate", outcome="fail", reason=HOSTILE, kept=HOSTILE)
    found = [each.model_copy(update={"case": HOSTILE, "why": HOSTILE}) for each in compared().figures]
    return gate(
        verdict="wrong",
        summary=HOSTILE,
        suite=HOSTILE,
        figures=found,
        wrong=[wrong],
        notices=[HOSTILE],
        baseline=gate().baseline.model_copy(update={"name": HOSTILE}),
    )


def read(result: GateResult) -> ElementTree.Element:
    return ElementTree.fromstring(junit.document(result))  # noqa: S314 - of our own making


def shown(result: GateResult) -> str:
    out = io.StringIO()
    gate_text.render(result, "runs/x", Console(file=out, width=120, highlight=False))
    return out.getvalue()


def test_the_terminal_shows_the_table_the_floor_and_the_stages() -> None:
    text = shown(compared())
    assert re.search(r"continuous\.default\.sensors +events per CPU-second .* -\d+\.\d % +10 % +✗ regression", text)
    assert "(screen: -" in text and "in 7 fresh ones, p < 0.001)" in text
    assert "Floor: " in text and "against main (aaaaaaaaaaaa)" in text
    assert "the working tree (bbbbbbbbbbbb), with changes that are not committed" in text


def test_what_a_terminal_obeys_is_shown_by_its_number() -> None:
    text = shown(hostile())
    assert all(unicodedata.category(sign) not in ("Cc", "Cf", "Cs") for sign in text if sign != "\n")
    assert "\\u001b" in text


def test_the_markdown_is_a_table_with_a_row_a_figure() -> None:
    page = gate_markdown.page(compared())
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6
    assert len({row.count("|") for row in rows}) == 1
    assert "✗ regression" in page


def test_nothing_in_the_markdown_is_markup_of_somebody_elses() -> None:
    page = gate_markdown.page(hostile())
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    for sign in ("<", "`", "[", "@", "\x1b", "::", "www."):
        assert sign not in page, sign
    assert "#" not in page.replace("&#", "").lstrip("#"), "no number of an issue"
    assert re.search(r"&#64;&#8288;org", page), "no mention, however late entities are decoded"


def test_a_page_is_never_longer_than_a_comment_may_be() -> None:
    page = gate_markdown.page(gate(notices=["word " * 200] * 200))
    assert len(page) < 65_000 and page.endswith("(cut)\n")


@pytest.mark.parametrize("result", [compared(), hostile(), gate()], ids=["compared", "hostile", "empty"])
def test_the_junit_document_is_read_and_counts_what_it_has(result: GateResult) -> None:
    (suite,) = read(result)
    tests = suite.findall("testcase")
    assert suite.get("tests") == str(len(tests))
    for tag in ("failure", "error", "skipped"):
        named = suite.get({"failure": "failures", "error": "errors", "skipped": "skipped"}[tag])
        assert named == str(len(suite.findall(f"testcase/{tag}")))


@pytest.mark.parametrize("result", [compared(), hostile(), gate()], ids=["compared", "hostile", "empty"])
def test_a_parser_of_junit_reads_the_document(result: GateResult) -> None:
    (suite,) = junitparser.JUnitXml.fromstring(junit.document(result))
    counted = suite.tests, suite.failures, suite.errors, suite.skipped
    suite.update_statistics()
    assert counted == (suite.tests, suite.failures, suite.errors, suite.skipped)
    assert {each.name: each.value for each in suite.properties()}["verdict"] == result.verdict


def test_a_regression_is_a_failed_test_and_a_right_answer_a_passed_one() -> None:
    (suite,) = read(compared())
    told = {(test.get("classname"), test.get("name")): [child.tag for child in test] for test in suite.iter("testcase")}
    assert told[CASE, "events per CPU-second"] == ["failure"]
    assert told[CASE, "answers"] == []
    assert told[CASE, "p99"] == []
    assert len(told) == 2 + 6


def test_an_accepted_change_is_a_skipped_test_with_its_reason() -> None:
    known = Acceptance(case=CASE, metric=CPU, until="2099-01-01", reason="exact sums")
    (suite,) = read(compared(known))
    (skipped,) = suite.iter("skipped")
    assert "exact sums" in (skipped.get("message") or "")


def test_wrong_rows_fail_the_test_of_the_answers_and_a_trial_that_did_not_end_is_an_error() -> None:
    for outcome, tag in (("fail", "failure"), ("unknown", "error")):
        wrong = WrongTrial.model_validate({"case": CASE, "side": "candidate", "outcome": outcome, "reason": "so"})
        (suite,) = read(gate(wrong=[wrong]))
        assert [child.tag for child in suite.find("testcase") or []] == [tag]


def test_each_annotation_is_one_command_on_one_line() -> None:
    told = list(annotations.lines(compared()))
    assert told[0] == "::error title=gate::Regression: it is."
    assert len(told) == 2
    assert told[1].startswith(f"::error title={CASE}%3A events per CPU-second::regression: worse by ")
    for line in annotations.lines(hostile()):
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,\n]*::[^\n\r]*", line)
        # What is unescaped once is the text again, on its line.
        assert "%0A" not in line.replace("%250A", "")


LEVELS = {"pass": "notice", "first": "notice", "inconclusive": "warning", "unfinished": "error", "wrong": "error"}


@pytest.mark.parametrize("verdict", LEVELS)
def test_an_annotation_is_as_severe_as_the_verdict(verdict: str) -> None:
    assert next(annotations.lines(gate(verdict=verdict))).startswith(f"::{LEVELS[verdict]} title=gate::")


@given(st.text())
def test_no_text_breaks_a_form(text: str) -> None:
    figures_ = [each.model_copy(update={"why": text, "case": text}) for each in compared().figures[:1]]
    result = gate(summary=text, notices=[text], figures=figures_)
    read(result)
    assert all(line.count("::") >= 2 and "\n" not in line for line in annotations.lines(result))
    plain = result.model_copy(update={"summary": "", "notices": ["."], "figures": compared().figures[:1]})
    assert len(gate_markdown.page(result).splitlines()) == len(gate_markdown.page(plain).splitlines())


def test_the_figures_of_a_gate_are_named_for_people() -> None:
    page = gate_markdown.page(compared())
    assert all(gate_markdown.escaped(title) in page for title in ("events per CPU-second", "drain rate", "p99"))
    assert not any(name in page for name in (CPU, RATE, P99))
