"""A figure that says less than it seems to stands in brackets wherever it is shown, and no sentence ranks it."""

from __future__ import annotations

from reports import html, summary, units
from reports.comparison import compare
from results.metrics import drain
from results.result import CaseResult
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
    sentences = " ".join(summary.headline(comparison))
    assert "Fastest" in sentences
    assert "was flink" not in sentences
    assert "not ranked: flink" in sentences
    text, page = printed(run, 120), html.render(run, "streamgauge run")
    (line,) = [line for line in text.splitlines() if line.strip().startswith("flink ")]
    assert line.count("(") >= 4
    assert why in text
    (row,) = [row for row in comparison.rows if row.engine == "flink"]
    assert f"({units.quantity(row.value(drain.RATE), drain.RATE.unit)})" in page
    lonely = of(doubted("flink"), made_up.pair("continuous"))
    assert "Fastest" not in " ".join(summary.headline(compare(lonely)[0]))
