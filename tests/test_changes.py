"""What changed from one result to another: what became wrong first, and of figures no more than can be said."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from reports import change_text
from reports.changes import Change, ChangedCase, Changes, changes
from results import result_file
from results.metrics.statistics import ratio_interval
from results.plan import Checkout, Drain, Paced, SetUp
from results.result import (
    CaseResult,
    Guarantee,
    Noise,
    RunResult,
    Verdict,
)
from tests import made_up

RATES = [800_000.0, 790_000.0, 830_000.0, 805_000.0, 821_000.0]
SLOWER = [rate * 0.8 for rate in RATES]


def run_of(*cases: list[CaseResult], **fields: Any) -> RunResult:
    return made_up.several(*cases).model_copy(update=fields)


def single(cases: list[CaseResult], **fields: Any) -> RunResult:
    return RunResult(run="r", suite="s", machine=made_up.MACHINE, cases=cases, **fields)


def between(before: RunResult, after: RunResult) -> Changes:
    return changes([("a", before), ("b", after)])


def case_of(before: RunResult, after: RunResult) -> ChangedCase:
    (case,) = between(before, after).pairs[0].cases
    return case


def change_of(before: RunResult, after: RunResult, metric: str = "drain_rate") -> Change:
    (change,) = [each for each in case_of(before, after).changes if each.metric == metric]
    return change


def with_asked(cases: list[CaseResult], **fields: Any) -> list[CaseResult]:
    return [
        case.model_copy(update={"asked": case.asked.model_copy(update=fields)})
        for case in cases
        if case.asked is not None
    ]


# Figures.


def test_a_figure_that_fell_by_more_than_its_intervals_is_worse() -> None:
    change = change_of(run_of(made_up.trials("a", RATES)), run_of(made_up.trials("a", SLOWER)))
    assert (change.verdict, change.why, change.ratio) == ("worse", "", pytest.approx(0.8))
    assert change.ratio_low is not None and change.ratio_high is not None
    assert change.ratio_low < 0.8 < change.ratio_high < 1
    assert change.before is not None and (change.before.n, change.before.low, change.before.high) == (
        5,
        790_000,
        830_000,
    )


def test_which_way_is_better_is_the_metrics_own() -> None:
    before, after = (run_of(made_up.trials("a", rates)) for rates in (SLOWER, RATES))
    assert change_of(before, after).verdict == "better"
    assert change_of(before, after, "latency_p50").verdict == "better", "the faster, the shorter"
    assert change_of(after, before, "latency_p50").verdict == "worse"


def test_a_result_has_not_changed_from_itself() -> None:
    run = run_of(made_up.trials("a", RATES))
    case = case_of(run, run)
    assert (case.worse, case.mended, case.incomparable, case.differs) == ([], [], [], [])
    assert {change.verdict for change in case.changes} == {"inconclusive"}
    assert {change.ratio for change in case.changes} == {1}


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 5), (4, 5), (5, 2)])
def test_of_few_trials_nothing_is_said(first: int, second: int) -> None:
    before, after = run_of(made_up.trials("a", RATES[:first])), run_of(made_up.trials("a", SLOWER[:second]))
    change = change_of(before, after)
    assert (change.verdict, change.ratio_low) == ("unknown", None)
    assert change.ratio is not None
    expected = "one trial each: nothing is known of noise" if first == second else f"{first} and {second} trials"
    assert change.why.startswith(expected)


def bracketed(cases: list[CaseResult], metric: str, place: int) -> list[CaseResult]:
    having = [case for case in cases if metric in case.metrics]
    one = having[place]
    value = one.metrics[metric].model_copy(update={"bracketed": ["other work"]})
    new = one.model_copy(update={"metrics": one.metrics | {metric: value}})
    return [new if case is one else case for case in cases]


@pytest.mark.parametrize("place", range(5))
def test_a_side_in_brackets_is_never_called_better_or_worse(place: int) -> None:
    clean, other = made_up.trials("a", SLOWER), bracketed(made_up.trials("a", RATES), "drain_rate", place)
    for before, after, when in ((clean, other, "after"), (other, clean, "before")):
        change = change_of(run_of(before), run_of(after))
        assert (change.verdict, change.why) == ("unknown", f"in brackets {when}: other work")


def test_a_trial_without_the_figure_is_not_passed_over() -> None:
    cases = made_up.trials("a", [*SLOWER, SLOWER[0]])
    left = {name: value for name, value in cases[-1].metrics.items() if name != "drain_rate"}
    cases[-1] = cases[-1].model_copy(update={"metrics": left})
    change = change_of(run_of(made_up.trials("a", RATES)), run_of(cases))
    assert (change.verdict, change.why) == ("unknown", "only 5 of 6 trials have it after")


def test_what_the_machine_differs_from_itself_is_no_change() -> None:
    noise = Noise(
        engine="a",
        mode="default",
        workload="sensors",
        log="kafka",
        trials=10,
        run="n",
        machine=made_up.MACHINE,
        changes={"drain_rate": 0.3},
    )
    before, after = run_of(made_up.trials("a", RATES)), run_of(made_up.trials("a", SLOWER), noise=[noise])
    change = change_of(before, after)
    assert (change.verdict, change.why) == (
        "inconclusive",
        "less than the 30.0% by which a case differs from itself here",
    )
    assert change_of(before, after, "latency_p50").verdict == "worse", "of another metric nothing is known"


def test_of_the_same_code_hardly_a_figure_looks_changed() -> None:
    drawn = random.Random(7)
    told = []
    for _ in range(60):
        before, after = (
            run_of(made_up.trials("a", [drawn.gauss(800_000, 40_000) for _ in range(5)])) for _ in range(2)
        )
        told.append(change_of(before, after).verdict)
    assert told.count("inconclusive") >= 57


def test_a_ratio_has_its_interval_of_five_samples_and_more() -> None:
    one, other = np.array(RATES), np.array(SLOWER)
    found = ratio_interval(one, other)
    assert found is not None
    ratio, low, high = found
    assert min(SLOWER) / max(RATES) <= low < ratio < high <= max(SLOWER) / min(RATES)
    assert ratio_interval(one, other) == found
    assert ratio_interval(one[:4], other) is None
    assert ratio_interval(one, np.array([0.0, *SLOWER])) is None


def shown(found: Changes, width: int = 140) -> str:
    out = io.StringIO()
    change_text.render(found, Console(file=out, width=width))
    return out.getvalue()


# What cannot be compared.

UNLIKE: dict[str, dict[str, Any]] = {
    "machine": {"machine": made_up.MACHINE.model_copy(update={"cores": 8})},
    "recorded by method version": {"method_version": 9},
    "seed of the events": {"seed": 2},
    "parameter `window_ms` of the workload": {"parameters": made_up.plan("a").parameters | {"window_ms": 9}},
    "partitions": {"partitions": 8},
    "event time a second": {"event_rate": 1.0},
    "steady load": {"paced": Paced(rate=9, warmup_s=10, measured_s=25)},
    "backlogs": {"drain": Drain(events=3, intervals=10, budget_s=40, max_events=40_000_000)},
    "workers": {"parallelism": 3},
    "memory of a worker": {"worker_memory_mb": 2048},
    "commit interval": {"interval_ms": 100},
    "store": {"store": "RocksDB"},
}


@pytest.mark.parametrize("what", UNLIKE)
def test_what_is_asked_or_given_otherwise_is_not_comparable(what: str) -> None:
    before = run_of(made_up.trials("a", RATES))
    after = run_of(with_asked(made_up.trials("a", SLOWER), **UNLIKE[what]))
    case = case_of(before, after)
    assert [reason.partition(":")[0] for reason in case.incomparable] == [what]
    assert {change.verdict for change in case.changes} == {"unknown"}
    assert {change.why for change in case.changes} == {"not comparable"}
    assert all(change.before and change.after for change in case.changes), "they are shown all the same"


def test_one_trial_that_ran_elsewhere_is_enough() -> None:
    cases = made_up.trials("a", SLOWER)
    cases[-2:] = with_asked(cases[-2:], seed=2)
    assert case_of(run_of(made_up.trials("a", RATES)), run_of(cases)).incomparable == [
        "seed of the events: 1 before, 1 and 2 after"
    ]
    assert case_of(run_of(cases), run_of(cases)).incomparable, "its own trials differ"


def changed(cases: list[CaseResult], **fields: Any) -> list[CaseResult]:
    return [case.model_copy(update=fields) for case in cases]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"log": "embedded"}, "log: kafka before, embedded after"),
        ({"method_version": 9}, "method version: 10 before, 9 after"),
        ({"settings": {"buffer": "9"}}, "setting `buffer`: not set before, 9 after"),
    ],
)
def test_what_a_case_tells_otherwise_is_not_comparable(fields: dict[str, Any], what: str) -> None:
    before = run_of(changed(made_up.trials("a", RATES), method_version=10))
    after = run_of(changed(made_up.trials("a", SLOWER), **{"method_version": 10} | fields))
    assert case_of(before, after).incomparable == [what]


@pytest.mark.parametrize(
    ("set_up", "what"),
    [
        (SetUp(settings="plain"), "settings"),
        (SetUp(settings="recommended", layout="process-per-task"), "layout"),
        (SetUp(settings="recommended", options={"x.y": "4"}), "option `x.y`"),
    ],
)
def test_a_case_that_is_set_otherwise_is_found_and_not_compared(set_up: SetUp, what: str) -> None:
    own = SetUp(settings="recommended")
    before = run_of(with_asked(changed(made_up.trials("a", RATES), set_up=own), set_up=own))
    after = run_of(with_asked(changed(made_up.trials("a", SLOWER), set_up=set_up), set_up=set_up))
    assert [reason.partition(":")[0] for reason in case_of(before, after).incomparable] == [what]


def test_of_two_set_ups_each_is_held_against_its_own() -> None:
    def both(rates: Sequence[float]) -> RunResult:
        cases = []
        for settings in ("plain", "recommended"):
            own = SetUp(settings=settings)
            cases += [
                case.model_copy(update={"trial": f"{case.trial}.{settings}"})
                for case in with_asked(changed(made_up.pair("a", rates[0]), set_up=own), set_up=own)
            ]
        return single(cases)

    (pair,) = between(both(RATES), both(SLOWER)).pairs
    assert [(case.set_up.settings, case.incomparable) for case in pair.cases] == [("plain", []), ("recommended", [])]


def test_names_that_an_engine_has_of_its_run_are_no_settings() -> None:
    before, after = (
        run_of(changed(made_up.trials("a", RATES), settings={"prefix": f"sg-{tag}-a.sensors.trial-1"}))
        for tag in ("12ab", "cd34")
    )
    assert case_of(before, after).incomparable == []


def test_long_values_that_begin_alike_are_not_alike() -> None:
    before, after = (run_of(changed(made_up.trials("a", RATES), settings={"x": "y" * 100 + end})) for end in ("1", "2"))
    (reason,) = case_of(before, after).incomparable
    assert len(reason) < 200


def test_versions_and_commits_may_differ_and_are_told() -> None:
    checkout = Checkout(commit="0123456789abcdef0123456789abcdef01234567", dirty=False)
    newer = {"versions": {"streamgauge": "0.2.0"}, "engine_version": "2.0", "checkout": checkout}
    case = case_of(run_of(made_up.trials("a", RATES)), run_of(with_asked(made_up.trials("a", SLOWER), **newer)))
    assert case.incomparable == []
    assert "Streamgauge: 0.1.0 before, 0.2.0, commit 0123456789ab after" in case.differs
    assert "a: 1.2.3 before, 2.0 after" in case.differs
    assert {change.verdict for change in case.changes} - {"unknown"}


def test_a_result_that_does_not_tell_what_was_asked_is_not_comparable() -> None:
    before, after = run_of(made_up.trials("a", RATES)), run_of(changed(made_up.trials("a", SLOWER), asked=None))
    assert case_of(before, after).incomparable == ["what was asked is not told: after"]
    assert change_of(before, after).verdict == "unknown"


def test_another_unit_is_not_compared() -> None:
    cases = made_up.trials("a", SLOWER)
    strange = [
        case.model_copy(
            update={
                "metrics": {name: value.model_copy(update={"unit": "furlongs"}) for name, value in case.metrics.items()}
            }
        )
        for case in cases
    ]
    change = change_of(run_of(made_up.trials("a", RATES)), run_of(strange))
    assert (change.verdict, change.why) == ("unknown", "not measured after")


# Right and wrong.


def wrong(cases: list[CaseResult]) -> list[CaseResult]:
    seen = Guarantee(claimed="exactly-once", seen="at-most-once")
    return changed(cases, outcome="fail", reason="loss", verdict=Verdict(match=9, missing=2), delivery=seen)


def test_a_row_that_was_right_and_is_wrong_comes_first() -> None:
    before, after = run_of(made_up.trials("a", SLOWER)), run_of(wrong(made_up.trials("a", RATES)))
    case = case_of(before, after)
    assert case.worse[0].startswith("right; now wrong (")
    assert "delivery was seen exact; now at-most-once" in case.worse
    assert {change.why for change in case.changes} == {"rows were wrong after"}
    assert {change.verdict for change in case.changes} == {"unknown"}
    text = shown(between(before, after))
    assert text.index("What became wrong") < text.index("What can be said") < text.index("drain")
    back = case_of(after, before)
    assert back.worse == []
    assert back.mended[0].startswith("wrong (")


def test_one_wrong_trial_of_five_is_enough() -> None:
    cases = made_up.trials("a", RATES)
    cases[4:6] = wrong(cases[4:6])
    assert case_of(run_of(made_up.trials("a", RATES)), run_of(cases)).worse


def test_rightness_is_told_also_where_figures_are_not_comparable() -> None:
    after = wrong(with_asked(made_up.trials("a", RATES), seed=2))
    case = case_of(run_of(made_up.trials("a", RATES)), run_of(after))
    assert case.worse and case.incomparable


def test_rows_that_come_again_as_claimed_are_told() -> None:
    weaker = {"delivery": Guarantee(claimed="at-least-once", seen="exact")}
    again = {
        "delivery": Guarantee(claimed="at-least-once", seen="at-least-once"),
        "verdict": Verdict(match=9, duplicate=3),
    }
    before, after = (run_of(changed(made_up.trials("a", RATES), **how)) for how in (weaker, again))
    assert case_of(before, after).worse == [
        "no row was wrong; now 30 duplicate, as it claims",
        "delivery was seen exact; now at-least-once",
    ]


def test_what_does_not_run_any_more_became_worse() -> None:
    before = single(made_up.pair("a"))
    after = single(made_up.idle("a", "unavailable", "no environment"))
    assert case_of(before, after).worse == ["ran; now it does not: no environment"]
    assert case_of(after, before).mended == ["did not run; now it does"]


def test_what_could_not_be_judged_became_worse() -> None:
    unknown = changed(made_up.pair("a"), outcome="unknown", reason="did not finish")
    assert case_of(single(made_up.pair("a")), single(unknown)).worse == ["right; now unknown (did not finish)"]


def test_cases_of_one_side_only_are_named() -> None:
    (pair,) = between(
        single([*made_up.pair("a"), *made_up.pair("b")]), single([*made_up.pair("b"), *made_up.pair("c")])
    ).pairs
    assert [case.engine for case in pair.cases] == ["b"]
    assert [pair.only_before, pair.only_after] == [
        ["a, sensors on Kafka, exactly-once"],
        ["c, sensors on Kafka, exactly-once"],
    ]


# Large, and real.


def test_many_cases_do_not_take_the_square_of_the_time() -> None:
    runs = {count: single([case for n in range(count) for case in made_up.pair(f"e{n}")]) for count in (200, 800)}
    took = {}
    for count, run in runs.items():
        began = time.process_time()
        between(run, run)
        took[count] = time.process_time() - began
    assert took[800] < 10 * took[200], "16 times as long, if it were the square"


def test_a_kept_result_is_compared_with_itself() -> None:
    kept = Path(__file__).parent.parent / "docs" / "results" / "five-trials.json.xz"
    run = result_file.read(kept)
    found = changes([("a", run), ("b", run)])
    verdicts = {change.verdict for case in found.pairs[0].cases for change in case.changes}
    assert verdicts == {"inconclusive", "unknown"}
    assert all(not case.incomparable for case in found.pairs[0].cases)
