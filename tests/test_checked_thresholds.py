"""Thresholds, held against what was measured: what decides them, and what does not."""

from __future__ import annotations

import io
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reports import html, markdown, summary, terminal
from reports.comparison import compare
from results import store
from results.result import CaseResult, CheckedThreshold, MetricValue, RunResult, StrikeResult, Verdict
from results.thresholds import checked
from tests import made_up
from tests.test_thresholds import read

RATES = [812_000.0, 790_000.0, 830_000.0, 805_000.0, 821_000.0]


def check(cases: Sequence[CaseResult], bound: str, **filters: Any) -> list[CheckedThreshold]:
    return checked(cases, [read(bound, **filters)])


def one(cases: Sequence[CaseResult], bound: str) -> CheckedThreshold:
    (found,) = check(cases, bound)
    return found


def test_of_several_trials_the_median_counts() -> None:
    found = one(made_up.trials("alpha", RATES), "drain_rate >= 800k/s")
    assert (found.state, found.value, found.n, found.low, found.high) == ("met", 812_000, 5, 790_000, 830_000)
    assert found.why == "the bound lies within the figure's interval"
    assert one(made_up.trials("alpha", RATES), "drain_rate >= 813k/s").state == "crossed"
    assert one(made_up.trials("alpha", RATES), "drain_rate >= 700k/s").why == ""


def test_a_bound_itself_is_within_only_where_it_is_allowed() -> None:
    cases = made_up.pair("alpha", rate=500_000)
    states = [one(cases, f"drain_rate {sign} 500k/s").state for sign in ("<", "<=", ">", ">=")]
    assert states == ["crossed", "met", "crossed", "met"]


def without(case: CaseResult, metric: str) -> CaseResult:
    left = {name: value for name, value in case.metrics.items() if name != metric}
    return case.model_copy(update={"metrics": left, "absent": {metric: "the backlog was not drained"}})


def test_a_trial_without_the_figure_leaves_it_undecided() -> None:
    cases = made_up.trials("alpha", RATES)
    cases[3] = without(cases[3], "drain_rate")
    found = one(cases, "drain_rate >= 1k/s")
    assert (found.state, found.why, found.n) == ("undecided", "the backlog was not drained", 4)


def test_a_trial_that_was_wrong_leaves_it_undecided() -> None:
    cases = made_up.trials("alpha", RATES)
    cases[3] = cases[3].model_copy(update={"outcome": "fail", "reason": "loss", "verdict": Verdict(missing=1)})
    found = one(cases, "drain_rate >= 1k/s")
    assert (found.state, found.why) == ("undecided", "rows were not as they should be: loss")


def bracketed(case: CaseResult, metric: str, why: str) -> CaseResult:
    if metric not in case.metrics:
        return case
    value = case.metrics[metric].model_copy(update={"bracketed": [why]})
    return case.model_copy(update={"metrics": case.metrics | {metric: value}})


def test_an_engine_that_fell_behind_does_not_escape_its_threshold() -> None:
    behind = "did not keep up: rows due and not visible after a commit grew by 9,000"
    cases = [bracketed(case, "latency_p99", behind) for case in made_up.pair("alpha", median_ms=4000)]
    assert one(cases, "p99 < 2s").state == "crossed"
    assert one(cases, "p99 < 2s").why == behind
    assert one(cases, "p99 < 1h").state == "undecided"
    both = [bracketed(case, "latency_p99", "other work") for case in made_up.pair("alpha", median_ms=4000)]
    assert one(both, "p99 < 2s").state == "undecided"


def test_many_reasons_are_told_in_a_few() -> None:
    cases = [
        bracketed(case, "drain_rate", f"other work took {case.trial_number} %")
        for case in made_up.trials("alpha", RATES)
    ]
    why = one(cases, "drain_rate >= 1k/s").why
    assert why == "other work took 1 %; other work took 2 %; and 3 more such reasons"


def test_of_two_phases_the_worse_counts() -> None:
    paced, drain = made_up.pair("alpha", memory_mib=300)
    larger = drain.metrics["memory_peak"].model_copy(update={"value": 900 * 1024.0**2})
    drain = drain.model_copy(update={"metrics": drain.metrics | {"memory_peak": larger}})
    assert one([paced, drain], "memory_peak < 500MiB").state == "crossed"
    assert one([paced, drain], "memory_peak > 500MiB").state == "crossed"


def test_wrong_rows_decide_nothing_and_repeated_ones_that_are_allowed_do() -> None:
    (flaky,) = check(made_up.mixed().cases, "drain_rate >= 1k/s", engine="flaky")
    assert (flaky.state, flaky.value) == ("undecided", None)
    (spark,) = check(made_up.mixed().cases, "drain_rate >= 1k/s", engine="spark.micro-batch")
    assert spark.state == "met"


def test_what_an_engine_does_not_support_is_no_failure_unless_it_is_named() -> None:
    states = {found.engine: found.state for found in check(made_up.mixed().cases, "drain_rate >= 1k/s")}
    assert "micro-batch" not in states
    assert states["kafka-client"] == "undecided", "one that could be there, and is not"
    (named,) = check(made_up.mixed().cases, "drain_rate >= 1k/s", engine="micro-batch")
    assert (named.state, named.why) == ("undecided", "needs Kafka; use --log kafka")


# Over strikes.


def struck(*caught_up: float | None, watched_s: float = 30.0, known: bool = True) -> list[CaseResult]:
    """A case with a strike for each of these; those without a time did not recover while they were watched.

    known: whether there was a baseline of the output, without which nothing is known of recovery.
    """
    strikes = [
        StrikeResult(
            number=number,
            fault="kill-worker",
            aim="interval",
            detail="killed",
            state="confirmed",
            at_s=number * 30.0,
            caught_up_s=value,
            watched_s=watched_s,
            lost_service_s=1.0 if known else None,
        )
        for number, value in enumerate(caught_up, 1)
    ]
    times = sorted(value for value in caught_up if value is not None)
    update: dict[str, Any] = {"fault": "kill-worker", "strikes": strikes, "metrics": {}}
    if times:
        middle = MetricValue(value=times[len(times) // 2], unit="s", better="lower", n=len(times))
        update["metrics"] = {"recovery_caught_up": middle}
    else:
        update["absent"] = {"recovery_caught_up": "0 strikes were recovered from"}
    return [made_up.pair("alpha")[0].model_copy(update=update)]


def test_strikes_that_were_not_recovered_from_count_as_longer_than_they_were_watched() -> None:
    bound = "strikes.caught_up.median < 10s"
    assert one(struck(2, 3, 4, 5, 6), bound).state == "met"
    assert one(struck(2, 3, 4, None, None), bound).state == "met", "the median of all five is known"
    lost = one(struck(2, 3, None, None, None), bound)
    assert (lost.state, lost.value) == ("crossed", None)
    assert lost.why == "3 of 5 strikes have no such time: it is longer than each was watched"
    assert one(struck(2, 3, None, None, None), "recovery_caught_up < 10s").state == "crossed"
    assert one(struck(None, None, None, None, None), bound).state == "crossed"
    assert one(struck(2, 3, None, None, None, watched_s=5.0), bound).state == "undecided", "it may have been 8 s"
    assert one(struck(2, 3, None, None, None), "strikes.caught_up.median > 10s").state == "met"


def test_the_largest_and_the_least_of_strikes_can_be_bound() -> None:
    assert one(struck(2, 3, 40), "strikes.caught_up.max < 10s").state == "crossed"
    assert one(struck(2, 3, 40), "strikes.caught_up.max < 10s").value == 40
    assert one(struck(2, 3, None), "strikes.caught_up.max < 10s").state == "crossed"
    assert one(struck(2, 3, None), "strikes.caught_up.min < 3s").state == "met"


def test_strikes_of_which_nothing_could_be_measured_decide_nothing() -> None:
    found = one(struck(None, None, known=False), "strikes.caught_up.median < 10s")
    assert (found.state, found.why) == ("undecided", "0 strikes were recovered from")


def test_a_kept_result_of_faults_decides_thresholds() -> None:
    kept = Path(__file__).parent.parent / "docs" / "results" / "faults.json.xz"
    cases = RunResult.model_validate_json(lzma.decompress(kept.read_bytes())).cases
    found = check(cases, "strikes.first_output.median < 100s")
    assert {each.fault for each in found} == {case.fault for case in cases}
    assert "met" in {each.state for each in found}


# What comes from elsewhere.


def test_hostile_texts_are_shown_as_such(tmp_path: Path) -> None:
    cases = made_up.pair("alpha")
    hostile = "p99 < 2s | <b>x</b> \x1b[31m @everyone [x](http://y)"
    bad = one(cases, "p99 < 2s").model_copy(update={"text": hostile, "state": "crossed", "why": hostile})
    bad = bad.model_copy(update={"trials": [cases[0].trial]})
    run = RunResult(run="r", suite="s", machine=None, cases=cases, thresholds=[bad])
    text = markdown.page(run, "runs/r")
    assert not [sign for sign in ("<b>", "\x1b", "@everyone", "](", "http:") if sign in text]
    head = next(line for line in text.splitlines() if line.startswith("| threshold"))
    (row,) = [line for line in text.splitlines() if "crossed" in line and line.startswith("|")]
    assert row.count("|") == head.count("|")
    page = html.render(run, "streamgauge run")
    assert "<b>x</b>" not in page.partition("<script")[0]
    assert "p99 < 2s" in summary.headline(compare(run)[0])[1]
    store.save(tmp_path, run)
    assert store.load(tmp_path).thresholds == [bad]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_thresholds_stand_whole_on_a_narrow_screen(width: int) -> None:
    found = one(made_up.trials("alpha", RATES), "drain_rate >= 800k/s")
    cases = made_up.trials("alpha", RATES)
    check = found.model_copy(update={"state": "undecided", "trials": [cases[0].trial]})
    out = io.StringIO()
    run = RunResult(run="r", suite="s", machine=None, cases=cases, thresholds=[check])
    terminal.render(run, "runs/r", Console(file=out, width=width))
    text = out.getvalue()
    assert "…" not in text
    for word in ("drain_rate >= 800k/s", "? not decided", "(812", "interval"):
        assert word in text
