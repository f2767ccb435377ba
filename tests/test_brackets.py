"""A figure that says less than it seems to stands in brackets wherever it is shown, and no sentence ranks it."""

from __future__ import annotations

from reports import html, summary, units
from reports.comparison import compare
from results.metrics import drain, recovery
from results.result import CaseResult, MetricValue, StrikeResult, Verdict
from tests import made_up
from tests.test_reports import of, printed


def test_a_figure_that_says_less_than_it_seems_to_stands_in_brackets_and_ranks_nothing() -> None:
    why = "beside it, other work took 60 % of the machine's CPU"

    def doubted(name: str) -> list[CaseResult]:
        cases = made_up.pair(name)
        found = [
            case.metrics
            | {known: value.model_copy(update={"bracketed": [why]}) for known, value in case.metrics.items()}
            for case in cases
        ]
        return [
            case.model_copy(update={"metrics": metrics, "notes": [why]})
            for case, metrics in zip(cases, found, strict=True)
        ]

    run = of(doubted("flink"), made_up.pair("continuous"), made_up.pair("micro-batch"))
    (comparison,) = compare(run)
    text, page = printed(run, 120), html.render(run, "streamgauge run")
    assert "not ranked: flink" in " ".join(summary.headline(comparison))
    (line,) = [line for line in text.splitlines() if line.strip().startswith("flink ")]
    assert line.count("(") >= 4
    assert why in text
    (row,) = [row for row in comparison.rows if row.engine == "flink"]
    assert f"({units.quantity(row.value(drain.RATE), drain.RATE.unit)})" in page


def test_what_stands_in_brackets_in_a_single_trial_of_five_is_not_ranked() -> None:
    why = "beside it, other work took 60 % of the machine's CPU"

    def doubted(name: str) -> list[CaseResult]:
        cases = made_up.trials(name, [2e6, 2.01e6, 2.02e6, 2.03e6, 2.04e6])
        metrics = {known: value.model_copy(update={"bracketed": [why]}) for known, value in cases[3].metrics.items()}
        return [*cases[:3], cases[3].model_copy(update={"metrics": metrics}), *cases[4:]]

    slow, fast = made_up.trials("a", [1e5] * 5), made_up.trials("b", [2e5] * 5)
    (comparison,) = compare(made_up.several(doubted("flink"), slow, fast))
    sentences = " ".join(summary.headline(comparison))
    assert "Fastest through the backlog was b (200 k events/s); slowest was a (100 k events/s)." in sentences
    assert "not ranked: flink" in sentences
    (row,) = [row for row in comparison.rows if row.engine == "flink"]
    found = row.measured(drain.RATE)
    assert found is not None
    assert found.bracketed == [f"{why} (in 1 of 5 trials)"]
    lonely = made_up.several(doubted("flink"), slow)
    assert "Fastest" not in " ".join(summary.headline(compare(lonely)[0]))


def test_how_an_engine_came_back_stands_in_brackets_too() -> None:
    why = "beside the measured part other work took 60 % of the CPU time"
    times = {
        metric.name: MetricValue(value=2.5, unit="s", better="lower", n=3, low=2.0, high=3.0, bracketed=[why])
        for metric in (recovery.FIRST_OUTPUT, recovery.CAUGHT_UP)
    }
    strike = StrikeResult(
        number=1, fault="kill-worker", aim="row", detail="", state="confirmed", at_s=1.0, watched_s=9.0
    )
    (paced, drain_case) = made_up.pair("flink")
    struck = paced.model_copy(update={"metrics": paced.metrics | times, "strikes": [strike]})
    run = of([struck, drain_case])
    assert printed(run, 200).count("(2.50 s [2.00 to 3.00])") == 2
    assert html.render(run, "streamgauge run").count("(2.50 s [2.00 to 3.00])") == 2


def test_a_figure_of_a_wrong_answer_stands_in_brackets_in_every_table() -> None:
    wrong = made_up.pair("flaky", outcome="fail", verdict=Verdict(match=9, missing=1))
    cold = {"cold_drain_rate": MetricValue(value=77_000, unit="events/s", better="higher")}
    wrong = [case.model_copy(update={"metrics": case.metrics | cold}) for case in wrong]
    text = printed(of(wrong, made_up.pair("micro-batch")), 160)
    assert text.count("77.0 k/s") == text.count("(77.0 k/s)") == 1
    (row,) = compare(of(wrong))[0].rows
    assert row.doubtful(drain.RATE)
    assert not row.doubtful(recovery.CAUGHT_UP), "there is nothing to put in brackets"
