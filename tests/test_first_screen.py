"""The first screen answers what the run asks: the title, who caught up first and last, and the matrix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reports import html, recovery_text, summary
from reports.comparison import Comparison, compare
from reports.elements import Answer, Matrix
from reports.labels import labels
from reports.sections import comparability, overview
from reports.sections.section import Report
from results import result_file
from results.metrics.recovery import CAUGHT_UP
from results.plan import SetUp
from results.result import Guarantee, Offence, RunResult, Verdict
from tests import made_up
from tests.made_up_strikes import FAULTS, around, faults, run, strike, struck

KEPT = Path(__file__).parent.parent / "docs" / "results"


def comparison(*cases: Any) -> Comparison:
    (only,) = compare(run(*cases))
    return only


def matrix_of(result: RunResult) -> Matrix:
    assert overview.section.page is not None
    (element,) = overview.section.page.elements(Report(result, tuple(compare(result)), "run"))
    assert isinstance(element, Matrix)
    return element


def test_the_title_counts_engines_faults_strikes_and_exposure() -> None:
    assert summary.title(compare(faults())) == (
        "Three engines, three faults, 45 strikes, 45 exposed: no result was lost, duplicate or wrong, in all 9 trials."
    )


def test_an_engine_in_two_modes_is_counted_once() -> None:
    cases = [struck("a", "kill-worker", around(2.0), mode=mode) for mode in ("one", "other")]
    told = recovery_text.counted([comparison(*cases)])
    assert told == "One engine, one fault, ten strikes, 10 exposed"


def test_a_strike_that_did_nothing_is_called_tried() -> None:
    case = struck("a", "kill-worker", around(2.0))
    missed = strike(6, "kill-worker", None, state="missed", exposed=False, at_s=None)
    told = recovery_text.counted([comparison(case.model_copy(update={"strikes": [*case.strikes, missed]}))])
    assert told == "One engine, one fault, six strikes tried, 5 exposed"


def test_each_fault_names_who_caught_up_first_and_last() -> None:
    told = dict(summary.recoveries(compare(faults())))
    assert list(told) == list(FAULTS)
    assert told["kill-worker"] == "caught up first: b (2.00 s); last: a (9.00 s)."


def test_who_was_not_always_back_is_never_first_however_short_the_rest() -> None:
    told = dict(summary.recoveries(compare(faults())))["pause-worker"]
    assert told == "caught up first: b (3.00 s); last: a (10.0 s); not after every strike: c (3 of 5)."


def _marked(case: Any) -> Any:
    metric = case.metrics[CAUGHT_UP.name].model_copy(update={"bracketed": ["another program had the machine"]})
    return case.model_copy(update={"metrics": case.metrics | {CAUGHT_UP.name: metric}})


@pytest.mark.parametrize(
    "fastest",
    [
        _marked(struck("x", "kill-worker", around(1.0))),
        struck("x", "kill-worker", [0.0] * 5),  # its band was never left
        struck("x", "kill-worker", [1.0, 1.0, 1.0, 1.0]),  # four strikes have no interval
        struck("x", "kill-worker", around(1.0), outcome="fail", verdict=Verdict(match=9, missing=1)),
        struck("x", "kill-worker", around(1.0), outcome="unknown"),
    ],
    ids=["in brackets", "band never left", "too few strikes", "wrong", "unknown"],
)
def test_a_figure_that_is_marked_gets_no_superlative(fastest: Any) -> None:
    others = [struck("a", "kill-worker", around(9.0)), struck("b", "kill-worker", around(2.0))]
    said = recovery_text.ranking(comparison(fastest, *others))
    assert said == "caught up first: b (2.00 s); last: a (9.00 s)"


def test_those_whose_intervals_overlap_are_told_with_the_first() -> None:
    cases = [struck(name, "kill-worker", around(at)) for name, at in {"a": 2.0, "b": 2.1, "c": 9.0}.items()]
    said = recovery_text.ranking(comparison(*cases))
    assert said == "caught up first: a (2.00 s), which cannot be told from b; last: c (9.00 s)"
    assert "cannot be told apart" in recovery_text.ranking(comparison(*cases[:2]))


def test_one_engine_alone_is_neither_first_nor_last() -> None:
    assert recovery_text.ranking(comparison(struck("a", "kill-worker", around(2.0)))) == ""


def test_that_engines_are_not_set_alike_is_said() -> None:
    cases = [
        struck("a", "kill-worker", around(2.0), store="RocksDB"),
        struck("b", "kill-worker", around(9.0), store="memory"),
    ]
    assert summary.recoveries(compare(run(*cases)))[-1][1].startswith("Not all of them are set alike")


def test_the_matrix_has_an_answer_for_each_engine_under_each_fault() -> None:
    matrix = matrix_of(faults())
    assert (matrix.corner, list(matrix.head)) == ("engine", list(FAULTS))
    assert [name for name, _ in matrix.rows] == ["a", "b", "c"]
    assert matrix.rows[1][1][0] == Answer("pass", "exact, 5 of 5 strikes exposed", "2.00 s", "", "1.80 to 2.20")
    assert matrix.rows[2][1][1] == Answer(
        "pass", "exact, 5 of 5 strikes exposed", "0.500 s", "3 of 5 recovered", "0.400 to 0.500"
    )


def test_the_shorter_side_of_the_matrix_stands_across() -> None:
    matrix = matrix_of(run(*(struck("a", fault, around(2.0)) for fault in FAULTS)))
    assert (matrix.corner, list(matrix.head)) == ("asked", ["a"])
    assert [name for name, _ in matrix.rows] == list(FAULTS)


def test_what_was_not_asked_of_an_engine_is_an_empty_place_and_what_did_not_run_says_why() -> None:
    idle = made_up.idle("b", "unsupported", "it cannot")[0].model_copy(update={"fault": "kill-worker"})
    matrix = matrix_of(run(*(struck("a", fault, around(2.0)) for fault in FAULTS[:2]), idle))
    cells = dict(matrix.rows)
    assert cells["b"][0] == Answer("unsupported", "it cannot")
    assert cells["b"][1] is None


def test_a_wrong_answer_is_marked_and_its_figure_struck_through() -> None:
    wrong = struck("a", "kill-worker", around(2.0), outcome="fail", verdict=Verdict(match=9, missing=1))
    result = run(wrong, struck("a", "pause-worker", around(2.0)))
    assert {name: [answer and answer.wrong for answer in answers] for name, answers in matrix_of(result).rows} == {
        "kill-worker": [True],
        "pause-worker": [False],
    }
    page = html.render(result, "run")
    assert '<td class="wrong"><span class="badge fail">✗ fail</span>' in page
    assert 'class="figure speed">2.00 s' in page
    assert summary.leads(compare(result))[0] == "kill-worker: Wrong: a, 1 lost."


def test_a_run_of_several_workloads_shows_the_drain_rate_and_p99() -> None:
    cases = made_up.pair("a")
    others = [case.model_copy(update={"workload": "taxi"}) for case in cases]
    matrix = matrix_of(run(*cases, *others))
    assert [name for name, _ in matrix.rows] == ["sensors", "taxi"]
    answer = matrix.rows[0][1][0]
    assert answer is not None
    assert (answer.figure, answer.spread) == ("500 k/s", "p99 625 ms")


def test_one_table_answers_for_itself_without_a_matrix() -> None:
    assert overview.section.page is not None
    result = made_up.six()
    assert list(overview.section.page.elements(Report(result, tuple(compare(result)), "run"))) == []
    assert "<h2>The answer</h2>" not in html.render(result, "run")


def test_tables_fold_where_there_are_several_and_the_first_screen_says_nothing_twice() -> None:
    page = html.render(faults(), "run")
    results = re.search(r'<section id="results">(.*?)</section>', page, re.DOTALL)
    assert results is not None
    assert results[1].count("<details><summary>sensors on Kafka, fault") == 3
    header = page[page.index("<header>") : page.index("</header>")]
    assert header.count("lost, duplicate or wrong") == 1
    assert "drain rate" not in results[1]  # a column that no row has anything in


def unfolded(page: str) -> str:
    """What a page shows before anything is opened."""
    left = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    while (fewer := re.sub(r"<details>(?:(?!<details).)*?</details>", "", left, flags=re.DOTALL)) != left:
        left = fewer
    return left


def test_of_several_tables_those_of_one_are_opened_by_its_title_in_every_section() -> None:
    one = result_file.read(KEPT / "settings.json.xz")
    others = [case.model_copy(update={"workload": "taxi-trips"}) for case in one.cases]
    two = one.model_copy(update={"cases": [*one.cases, *others]})
    titles = [comparison.title for comparison in compare(two)]
    assert len(titles) == 2
    page = html.render(two, "run")
    for title in titles:
        assert page.count(f"<summary>{title}") >= 4
        assert f"<caption>{title}" not in unfolded(page)
    assert unfolded(html.render(one, "run")).count(f"<caption>{compare(one)[0].title}") >= 2


def test_labels_hold_what_differs_and_nothing_else() -> None:
    assert labels(compare(faults())) == list(FAULTS)
    assert labels(compare(made_up.six())) == [""]
    paced, drain = made_up.pair("a")
    sets = [SetUp(interval_ms=every) for every in (100, 1000)]
    cases = [case.model_copy(update={"set_up": each}) for each in sets for case in (paced, drain)]
    assert labels(compare(run(*cases))) == ["a commit every 100 ms", "a commit every 1.00 s"]


def test_what_is_said_of_all_tables_is_said_once_though_other_engines_are_in_brackets() -> None:
    one = result_file.read(KEPT / "settings.json.xz")
    others = [
        case.model_copy(update={"workload": "taxi-trips"})
        for case in one.cases
        if case.engine not in ("flink", "spark")
    ]
    said = " ".join(summary.leads(compare(one.model_copy(update={"cases": [*one.cases, *others]}))))
    assert said.count("One trial each") == 1
    assert "More is said with each table." in said


def test_a_note_names_its_case_and_stands_once() -> None:
    note = "3 of 5 strikes were recovered from"
    result = run(
        struck("a", "kill-worker", around(2.0), notes=[note]),
        struck("b", "kill-worker", around(2.0)),
        struck("a", "pause-worker", around(2.0), notes=[note]),
        struck("b", "pause-worker", around(2.0), notes=[note]),
        struck("a", "kill-broker", around(2.0)),
    )
    told = [check.text for check in comparability.checks(result, compare(result)) if note in check.text]
    assert told == [f"a (kill-worker; pause-worker) and b (pause-worker): {note}"]


def test_a_reason_names_its_case() -> None:
    result = run(struck("a", "kill-worker", [], outcome="unknown", reason="why"), struck("a", "kill-broker", around(2)))
    assert '<th scope="row">a, kill-worker</th>' in html.render(result, "run")


def test_names_from_results_are_escaped_in_the_head_and_the_matrix() -> None:
    hostile = "</td><script>alert(1)</script>"
    offences: list[Offence] = []
    cases = [struck(hostile, fault, around(2.0), offences=offences) for fault in FAULTS]
    cases += [struck("b", fault, around(9.0)) for fault in FAULTS]
    page = html.render(run(*cases), "run")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page[page.index("<header>") : page.index("</header>")]


def test_a_run_without_cases_has_a_page() -> None:
    assert "This run has no cases." in html.render(RunResult(run="r", suite="s", machine=None, cases=[]), "run")


def test_two_runs_are_compared_on_a_page_where_another_result_is_given() -> None:
    before, after = made_up.six(), made_up.mixed()
    page = html.render(after, "run", ("runs/before", before))
    assert "<h2>Two runs compared</h2>" in page
    assert "What became wrong" in page
    assert "runs/before" in page
    assert "Two runs compared" not in html.render(after, "run")


def test_an_engine_that_is_set_in_several_ways_is_one_engine() -> None:
    def told(*cases: Any) -> str:
        run = made_up.six().model_copy(update={"cases": list(cases)})
        return summary.title(compare(run))

    plain, advised = (SetUp(settings=name) for name in ("plain", "recommended"))
    twice = [*made_up.pair("a", set_up=plain), *made_up.pair("a", set_up=advised)]
    assert told(*twice).startswith("The one engine that ran was, in all two ways to set it, right: ")
    assert told(*twice, *made_up.pair("b")).startswith("All two engines were, in all three ways to set them, right: ")


def test_who_promises_less_is_named_once_for_each_promise() -> None:
    weaker = {"guarantee": "at-least-once"}
    both = [case for name in "ab" for case in made_up.pair(name, claim_note="its sink repeats")]
    cases = [
        case.model_copy(update=weaker | {"delivery": Guarantee(claimed="at-least-once", seen="exact")}) for case in both
    ]
    run = made_up.six().model_copy(update={"cases": cases})
    (comparison,) = compare(run)
    assert summary.headline(comparison)[-1] == (
        "Exactly-once delivery was asked of all; a and b promise at-least-once only."
    )
