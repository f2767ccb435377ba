"""How changes between results are shown: in a terminal of any width, and in Markdown; hostile names as such."""

from __future__ import annotations

import json

import pytest

from reports import change_text
from reports.changes import Changes, changes
from results.result import CaseResult, CheckedThreshold, MetricValue
from tests import made_up
from tests.test_changes import RATES, SLOWER, between, run_of, shown, single


def test_the_first_is_held_against_each_of_the_others() -> None:
    runs = [run_of(made_up.trials("a", rates)) for rates in (RATES, SLOWER, RATES)]
    found = changes([(name, run) for name, run in zip("xyz", runs, strict=True)])
    assert [(pair.before, pair.after) for pair in found.pairs] == [(0, 1), (0, 2)]
    text = shown(found)
    assert "(A to B)" in text and "(A to C)" in text
    assert Changes.model_validate_json(json.dumps(found.model_dump(mode="json"))) == found


@pytest.mark.parametrize("width", [60, 80, 116, 200])
def test_no_figure_is_cut_on_a_narrow_screen(width: int) -> None:
    text = shown(between(run_of(made_up.trials("a", RATES)), run_of(made_up.trials("a", SLOWER))), width)
    for word in ("805", "644", "0.800", "WORSE"):
        assert word in text
    assert "…" not in text


def test_a_threshold_that_a_side_crosses_is_named() -> None:
    case = made_up.pair("a")[0]
    subject = {name: getattr(case, name) for name in CheckedThreshold.model_fields if hasattr(case, name)}
    check = CheckedThreshold(
        **subject
        | {"text": "p99 < 1s", "metric": "latency_p99", "relation": "<", "bound": 1000, "unit": "ms"}
        | {"state": "crossed", "value": 2000, "trials": [case.trial]},
    )
    found = between(single(made_up.pair("a")), single(made_up.pair("a"), thresholds=[check]))
    assert found.sides[1].crossed == ["p99 < 1s by a, sensors (2.00 s)"]
    assert "Thresholds that B crosses" in shown(found)
    assert "p99 &lt; 1s by a" in change_text.page(found)


HOSTILE = "a | <img src=x> \x1b[2J\u202e @all [x](http://y) `c`"


def hostile(cases: list[CaseResult]) -> list[CaseResult]:
    return [
        case.model_copy(
            update={
                "engine": HOSTILE,
                "workload": HOSTILE,
                "mode": HOSTILE,
                "settings": {HOSTILE: HOSTILE},
                "metrics": case.metrics | {HOSTILE: MetricValue(value=1, unit=HOSTILE, better="lower")},
            }
        )
        for case in cases
    ]


def test_hostile_names_are_shown_as_such() -> None:
    before, after = (single(hostile(made_up.pair("a", rate))) for rate in (1e5, 2e5))
    found = changes([(HOSTILE, before), (HOSTILE, after)])
    assert found.pairs[0].cases
    for text in (shown(found), change_text.page(found)):
        assert "\x1b" not in text and "\u202e" not in text
    page = change_text.page(found)
    assert not [sign for sign in ("<img", "@all", "](", "http:", "`") if sign in page]
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1


@pytest.mark.parametrize("value", [0.0, -1.0, 1e308, -1e308, 5e-324, 1e99])
def test_figures_that_cannot_be_are_no_crash(value: float) -> None:
    def with_value(case: CaseResult) -> CaseResult:
        metrics = {name: one.model_copy(update={"value": value, "low": value}) for name, one in case.metrics.items()}
        return case.model_copy(update={"metrics": metrics})

    strange = run_of([with_value(case) for case in made_up.trials("a", RATES)])
    for before, after in ((strange, run_of(made_up.trials("a", RATES))), (strange, strange)):
        found = between(before, after)
        assert shown(found)
        assert change_text.page(found)
        json.dumps(found.model_dump(mode="json"), allow_nan=False)


def test_no_case_at_all_is_said() -> None:
    found = between(single([]), single([]))
    assert "nothing can be compared" in shown(found)


def test_the_same_case_twice_is_no_crash() -> None:
    twice = single([*made_up.pair("a"), *made_up.pair("a")])
    assert shown(between(twice, twice))
