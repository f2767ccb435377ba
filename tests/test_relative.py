"""How many times worse than the best: computed among what may be compared, and of figures that stand."""

from __future__ import annotations

import pytest

from reports import html
from reports.comparison import compare
from reports.relative import relative, times
from results.metrics import drain, latency
from results.result import CaseResult, MetricValue, RunResult
from tests import made_up

RATE, P50 = drain.RATE.name, latency.RESULT["p50"].name


def factors(*cases: list[CaseResult]) -> dict[tuple[str, str], float]:
    listed = [case for engine in cases for case in engine]
    (only,) = compare(RunResult(run="r", suite="s", machine=None, cases=listed))
    return relative(only)


def test_the_best_is_one_and_the_others_are_so_many_times_worse() -> None:
    found = factors(made_up.pair("a", 400_000, 100), made_up.pair("b", 100_000, 250))
    assert found["a", RATE] == 1.0
    assert found["b", RATE] == 4.0
    assert found["b", P50] == pytest.approx(2.5, rel=0.01)


def test_what_is_alone_is_not_compared() -> None:
    assert factors(made_up.pair("a")) == {}
    assert factors(made_up.pair("a", store="RocksDB"), made_up.pair("b", store="memory")) == {}


@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_what_did_not_pass_is_nobodys_best(outcome: str) -> None:
    found = factors(made_up.pair("a", 9e9, outcome=outcome), made_up.pair("b", 2e5), made_up.pair("c", 1e5))
    assert ("a", RATE) not in found
    assert (found["b", RATE], found["c", RATE]) == (1.0, 2.0)


def test_a_figure_in_brackets_has_no_factor_and_is_nobodys_best() -> None:
    marked = [
        case.model_copy(
            update={
                "metrics": {
                    name: value.model_copy(update={"bracketed": ["busy"]}) for name, value in case.metrics.items()
                }
            }
        )
        for case in made_up.pair("a", 9e9)
    ]
    found = factors(marked, made_up.pair("b", 2e5), made_up.pair("c", 1e5))
    assert ("a", RATE) not in found
    assert found["c", RATE] == 2.0


def test_nothing_is_divided_by_zero() -> None:
    nothing = MetricValue(value=0, unit="events/s", better="higher")
    cases = [case.model_copy(update={"metrics": case.metrics | {RATE: nothing}}) for case in made_up.pair("a")]
    assert ("a", RATE) not in factors(cases, made_up.pair("b"))


@pytest.mark.parametrize(("factor", "text"), [(1.0, "1.0 ×"), (3.68, "3.7 ×"), (99.94, "99.9 ×"), (123.4, "120 ×")])
def test_factors_are_short(factor: float, text: str) -> None:
    assert times(factor) == text


def test_the_page_shows_them_below_the_figures() -> None:
    assert '<span class="sub">1.0 ×</span>' in html.render(made_up.six(), "run")
