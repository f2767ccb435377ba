"""Several trials of a case: planned in shuffled blocks, judged each by itself, told together by their median."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from harness.planning import planner, suite
from harness.planning.planner import Selection
from harness.planning.suite import InvalidRequest
from harness.run import resumed
from reports import html, summary
from reports.comparison import compare
from reports.figures import figures
from reports.sections import comparability
from results import store
from results.metrics import drain
from results.metrics.statistics import INTERVAL_SAMPLES, median_interval
from results.plan import RunPlan
from results.public import schema
from results.repetition import repeated
from results.result import CaseResult, MetricValue, Series, StrikeResult, Verdict
from tests import made_up, playback
from tests.judge.recording import Recording, perfect
from tests.playback import CATALOGUE, SUITE, Bench
from tests.test_reports import printed

RATES = [812_000.0, 790_000.0, 830_000.0, 805_000.0, 821_000.0]


def planned(tmp_path: Path, trials: int, seed: int = 5) -> RunPlan:
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    content = suite.load(str(path), {"trials": str(trials), "seed": str(seed)}, CATALOGUE)
    chosen = Selection(("kay", "alpha", "refusing"))
    many = content.model_copy(update={"modes": {"kay": ("fast", "safe")}})
    return planner.make("mine", many, chosen, CATALOGUE, ("kafka", None), lambda *_: None, "run")


# The plan.


def test_one_trial_is_planned_as_ever(tmp_path: Path) -> None:
    plan = planned(tmp_path, 1)
    assert [case.name for case in plan.cases] == [
        "kay.fast.sensors",
        "kay.safe.sensors",
        "alpha.default.sensors",
        "refusing.default.sensors",
    ]
    assert {case.trial_number for case in plan.cases} == {None}


def blocks(plan: RunPlan) -> Iterator[list[str]]:
    for number in range(1, 6):
        yield [case.case_name for case in plan.runnable if case.trial_number == number]


def test_each_block_has_every_case_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, 5)
    numbers = [case.trial_number for case in plan.runnable]
    assert numbers == sorted(numbers), "a block ends before the next one begins"
    assert len({case.name for case in plan.cases}) == len(plan.cases) == 3 * 5 + 1
    orders = list(blocks(plan))
    assert {tuple(sorted(order)) for order in orders} == {
        ("alpha.default.sensors", "kay.fast.sensors", "kay.safe.sensors")
    }
    assert len({tuple(order) for order in orders}) > 1
    assert list(blocks(planned(tmp_path, 5))) == orders, "the seed says all of it"
    assert list(blocks(planned(tmp_path, 5, seed=6))) != orders


def test_what_cannot_run_stands_once(tmp_path: Path) -> None:
    (blocked,) = [case for case in planned(tmp_path, 5).cases if case.blocked]
    assert (blocked.name, blocked.trial_number) == ("refusing.default.sensors", None)


def test_over_many_seeds_each_case_stands_in_each_place_of_a_block_about_as_often() -> None:
    asked = planner.in_blocks(_cases(3), 400, 7)
    names = np.array([case.case_name for case in asked]).reshape(400, 3)
    for place in range(3):
        _, counts = np.unique(names[:, place], return_counts=True)
        assert counts.min() > 100


def _cases(count: int) -> list[Any]:
    content = made_up.plan("x").model_dump()
    kept = {name: content[name] for name in planner.CasePlan.model_fields if name in content}
    return [planner.CasePlan(**kept | {"engine": f"e{number}"}) for number in range(count)]


def test_a_run_of_several_trials_goes_on_with_the_plan_that_was_written(tmp_path: Path) -> None:
    plan = planned(tmp_path, 5)
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    assert resumed(tmp_path) == plan
    assert [case.trial for case in store.judge_run(tmp_path).cases] == [
        name for case in plan.cases for name in (case.name, case.name)
    ]


@pytest.mark.parametrize("trials", ["0", "-1", "many"])
def test_a_number_of_trials_that_cannot_be_is_refused(tmp_path: Path, trials: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    with pytest.raises(InvalidRequest, match="trials"):
        suite.load(str(path), {"trials": trials}, CATALOGUE)


# The judge.


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return pickle.dumps(perfect())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bytes) -> Bench:
    return playback.set_up(tmp_path, monkeypatch, recorded)


def slower(recording: Recording) -> None:
    """The second trial takes a quarter of a second longer for every row."""
    if recording.plan.trial_number == 2:
        for row in recording.rows:
            if isinstance(row.value, dict) and not row.value["key"].startswith("~"):
                row.visible_ns += 250_000_000


def test_a_run_of_three_trials_is_judged_trial_by_trial_and_told_together(bench: Bench, capsys) -> None:
    bench.spoil = slower
    assert bench("run", "mine.toml", "-e", "alpha", "--set", "trials=3", "--format", "json", "--no-progress") == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads(schema()))
    assert sorted((case["trial_number"], case["phase"]) for case in told["cases"]) == [
        (number, phase) for number in (1, 2, 3) for phase in ("drain", "paced")
    ]
    by_phase = {case["phase"]: case for case in told["repeated"]}
    assert {case["outcome"] for case in told["repeated"]} == {"pass"}
    p50 = by_phase["paced"]["metrics"]["latency_p50"]
    assert (p50["value"], p50["low"], p50["high"], p50["n"]) == (250, 250, 500, 3)
    assert by_phase["drain"]["metrics"]["drain_rate"]["n"] == 3
    stored = store.load(bench.run)
    assert [case.trials for case in stored.repeated] == [
        [f"alpha.default.sensors.trial-{number}" for number in (1, 2, 3)]
    ] * 2
    assert store.judge_run(bench.run) == stored


def test_a_metric_that_some_trials_lack_says_how_many_have_it() -> None:
    cases = made_up.trials("a", RATES)
    del cases[1].metrics["drain_rate"]
    run = made_up.several(cases, made_up.trials("b", RATES))
    (comparison,) = compare(run)
    found = comparison.rows[0].measured(drain.RATE)
    assert found is not None
    assert found.n == 4
    assert comparison.rows[0].interval(drain.RATE) is None, "four are too few for an interval"
    assert "(4 of 5)" in printed(run, 160)


def test_a_case_of_one_trial_is_not_repeated() -> None:
    assert repeated(made_up.six().cases, []) == []


def test_the_interval_of_five_trials_reaches_from_the_smallest_to_the_largest() -> None:
    assert INTERVAL_SAMPLES == 5
    assert median_interval(np.array(RATES)) == (812_000, 790_000, 830_000)


# Reports.


def test_a_figure_is_the_median_with_its_interval_and_each_trial_is_a_dot() -> None:
    run = made_up.several(made_up.trials("a", RATES), made_up.trials("b", [100_000.0] * 5))
    (comparison,) = compare(run)
    row = comparison.rows[0]
    assert (row.value(drain.RATE), row.interval(drain.RATE)) == (812_000, (790_000, 830_000))
    assert len(row.trials) == 5
    text = printed(run, 160)
    assert "[790 k/s to 830 k/s]" in text
    assert "[95 % interval]" in text
    page = html.render(run, "run")
    assert "790 k/s to 830 k/s" in page
    assert "Every trial (10)" in page
    figure = next(figure for figure in figures(comparison) if figure.title == "Drain rate")
    assert figure.rows[0] == [
        "a", "812 k/s", "790 k/s to 830 k/s", "812 k/s, 790 k/s, 830 k/s, 805 k/s, 821 k/s"
    ]  # fmt: skip
    values = [value for layer in figure.spec["layer"] for value in layer.get("data", {}).get("values", [])]
    assert [value["value"] for value in values if value.get("name") == "a" and "trial" in value] == RATES
    assert {"name": "a", "low": 790_000, "high": 830_000} in values


def test_one_trial_has_neither_dots_nor_medians() -> None:
    run = made_up.six()
    (comparison,) = compare(run)
    assert "median" not in printed(run, 160)
    figure = next(figure for figure in figures(comparison) if figure.title == "Drain rate")
    assert figure.head == ["engine", "drain rate"]
    assert len(figure.spec["layer"]) == 3  # bars, names, values


def headline(*cases: list[CaseResult]) -> str:
    (comparison,) = compare(made_up.several(*cases))
    return " ".join(summary.headline(comparison))


@pytest.mark.parametrize(("trials", "word"), [(1, "One trial"), (3, "Three trials"), (4, "Four trials")])
def test_of_fewer_than_five_trials_nothing_is_ranked(trials: int, word: str) -> None:
    told = headline(made_up.trials("a", RATES[:trials]), made_up.trials("b", [100.0] * trials))
    assert f"{word} each: speeds are orders of magnitude, and are not ranked. That takes five trials." in told
    assert "Fastest" not in told
    assert "slowest" not in told


def test_of_five_trials_those_are_ranked_whose_intervals_do_not_overlap() -> None:
    told = headline(
        made_up.trials("a", RATES),
        made_up.trials("b", [rate + 15_000 for rate in RATES]),
        made_up.trials("c", [100_000.0, 101_000, 102_000, 103_000, 104_000]),
        made_up.trials("d", [50_000.0, 51_000, 52_000, 53_000, 54_000]),
    )
    assert (
        "Fastest through the backlog were b (827 k events/s) and a (812 k events/s), which cannot be told apart; "
        "slowest was d (52.0 k events/s)." in told
    )
    assert "Those are medians of five trials; where intervals overlap nothing is ranked." in told
    assert "Soonest to give 99 % of its results were b" in told
    assert "latest was d" in told


def test_where_first_and_last_overlap_nobody_is_named() -> None:
    told = headline(made_up.trials("a", RATES), made_up.trials("b", [rate + 15_000 for rate in RATES]))
    assert "Drain rates cannot be told apart" in told
    assert "Fastest" not in told


def test_a_trial_that_was_wrong_makes_its_case_wrong_and_is_named() -> None:
    cases = made_up.trials("a", RATES)
    wrong = {"outcome": "fail", "reason": "loss (2 of 25,000 rows)", "verdict": Verdict(match=24_998, missing=2)}
    cases[4] = cases[4].model_copy(update=wrong)
    run = made_up.several(cases, made_up.trials("b", RATES))
    (comparison,) = compare(run)
    row = comparison.rows[0]
    assert row.outcome == run.repeated[0].outcome == "fail"
    assert row.reasons == ["loss (2 of 25,000 rows) (trial 3)"]
    assert row.counts["missing"] == 2
    assert [trial.outcome for trial in row.trials] == ["pass", "pass", "fail", "pass", "pass"]
    assert "One of two engines gave wrong results: a." in summary.headline(comparison)[0]
    assert "(812 k/s)" in printed(run, 120), "its speed says nothing"
    assert "ranked" not in " ".join(summary.headline(comparison)), "there is one that was right"


def test_what_is_said_of_all_trials_is_said_without_numbers() -> None:
    cases = made_up.trials("a", RATES, notes=["the backlog was short"])
    cases[0] = cases[0].model_copy(update={"notes": ["the backlog was short", "the machine slept"]})
    (comparison,) = compare(made_up.several(cases))
    assert comparison.rows[0].notes == ["the backlog was short", "the machine slept (trial 1)"]


def test_rows_stand_by_name_where_trials_were_shuffled() -> None:
    run = made_up.several(made_up.trials("b", RATES), made_up.trials("a", RATES))
    assert [row.engine for row in compare(run)[0].rows] == ["a", "b"]


def test_each_trial_has_a_curve_and_a_timeline() -> None:
    seconds = Series(name="latency max by second", x_label="second", y_label="ms", x=[0.0, 1.0], y=[5, 900])
    strike = StrikeResult(
        number=1, fault="kill-worker", aim="interval", detail="gone", state="confirmed", at_s=10.5, max_latency_ms=900
    )
    cases = [
        case.model_copy(update={"series": [*case.series, seconds], "strikes": [strike]})
        if case.phase == "paced"
        else case
        for case in made_up.trials("a", RATES)
    ]
    (comparison,) = compare(made_up.several(cases))
    drawn = {figure.title: figure for figure in figures(comparison)}
    curves = drawn["Result latency by share of results"]
    assert [row[0] for row in curves.rows] == [f"a, trial {number}" for number in range(1, 6)]
    values = next(layer["data"] for layer in [curves.spec, *curves.spec["layer"]] if "data" in layer)["values"]
    assert {value["trial"] for value in values} == set("12345")
    timelines = next(figure for title, figure in drawn.items() if "strikes" in title)
    assert [row[0] for row in timelines.rows] == [f"a, trial {number}" for number in range(1, 6)]


def test_strikes_of_all_trials_are_counted_and_each_is_listed_with_its_trial() -> None:
    def strikes(number: int) -> list[StrikeResult]:
        return [
            StrikeResult(
                number=place,
                fault="kill-worker",
                aim="interval",
                detail="gone",
                state="confirmed",
                exposed=True,
                at_s=10.0 * place,
                caught_up_s=float(number) if place == 1 else None,
                watched_s=9.0,
            )
            for place in (1, 2)
        ]

    cases = [
        case.model_copy(
            update={
                "strikes": strikes(case.trial_number or 0),
                "fault": "kill-worker",
                "metrics": {
                    "recovery_caught_up": MetricValue(value=float(case.trial_number or 0), unit="s", better="lower")
                },
            }
        )
        for case in made_up.trials("a", RATES)
        if case.phase == "paced"
    ]
    run = made_up.several(cases)
    assert "3.00 s [1.00 to 5.00] (5 of 10)" in " ".join(printed(run, 200).split())
    page = html.render(run, "run")
    assert "Every strike (10)" in page
    assert "a, trial 4" in page


@pytest.mark.parametrize(
    ("trials", "good", "said"),
    [(1, False, "One trial each"), (3, False, "Of fewer than 5 trials"), (5, True, "with their 95 % intervals")],
)
def test_the_page_says_how_far_figures_can_be_compared(trials: int, good: bool, said: str) -> None:
    run = made_up.several(made_up.trials("a", RATES[:trials])) if trials > 1 else made_up.six()
    check = list(comparability.checks(run, compare(run)))[-1]
    assert (check.good, said in check.text) == (good, True)
