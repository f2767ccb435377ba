"""What reports show of the machine beside each phase."""

from __future__ import annotations

from reports import html
from results.result import CaseResult, MetricValue
from tests import made_up
from tests.test_reports import of, printed


def beside(engine: str, paced: float | None, drain: float | None) -> list[CaseResult]:
    """The results of an engine beside which other work took so many per cent; None where that cannot be told."""
    cases = []
    for case, share in zip(made_up.pair(engine), (paced, drain), strict=True):
        shares = {"steal_share": 0.25, "waited_share": 7.5} | ({} if share is None else {"foreign_share": share})
        found = {name: MetricValue(value=value, unit="%", better="none") for name, value in shares.items()}
        cases.append(case.model_copy(update={"metrics": case.metrics | found}))
    return cases


def test_the_terminal_says_in_a_line_what_other_work_took() -> None:
    text = printed(of(beside("flink", 0.4, 2.0), beside("continuous", 31.0, None)), 160)
    assert (
        "Other work took 0.4 to 31.0 % of the CPU time beside what was measured; of 1 of 4 phases it cannot be told."
    ) in " ".join(text.split())


def test_where_it_can_be_told_of_no_phase_the_line_says_what_cannot_be_told() -> None:
    text = " ".join(printed(of(beside("flink", None, None)), 160).split())
    assert "Of 2 of 2 phases it cannot be told how much CPU time other work took." in text


def test_the_page_says_it_of_each_phase() -> None:
    page = html.render(of(beside("flink", 0.4, None)), "streamgauge run")
    for text in ("What else the machine did", "0.4 %", "cannot be told", "7.5 %"):
        assert text in page


def test_the_page_says_it_of_the_start_and_of_the_first_backlog() -> None:
    paced, drain = beside("flink", 0.4, 0.0)
    share = {"startup_foreign_share": MetricValue(value=61.2, unit="%", better="none")}
    changes = {"metrics": drain.metrics | share, "absent": {"cold_foreign_share": "x"}}
    page = html.render(of([paced, drain.model_copy(update=changes)]), "streamgauge run")
    for text in ("first backlog", "61.2 %", "cannot be told"):
        assert text in page


def test_of_results_that_tell_nothing_of_the_machine_nothing_is_shown() -> None:
    run = of(made_up.pair("flink"))
    assert "What else the machine did" not in html.render(run, "streamgauge run")
    assert "ther work took" not in printed(run, 160)
