"""What reports show of searches for the sustained rate, of sweeps, of COST and of the price of guarantees."""

from __future__ import annotations

from typing import Any

from reports import html
from results.plan import SetUp
from results.result import CaseResult, MetricValue, ProbeResult
from tests import made_up
from tests.test_reports import of, printed

HOSTILE = "<script>alert(1)</script>[bold]\x1b[31m"


def probe(number: int, rate: float, outcome: Any = "held", **changes: Any) -> ProbeResult:
    values = {"seconds": 15, "lag_growth": 0.0012, "commits": 14, "p50_ms": 700.0, "p99_ms": 1300.0, "cores": 1.25}
    return ProbeResult(number=number, rate=rate, outcome=outcome, **values | changes)


def searched(engine: str, probes: list[ProbeResult], **metrics: float) -> list[CaseResult]:
    """An engine's drain, and its probes in place of the paced phase."""
    paced, drain = made_up.pair(engine)
    units = {"sustained_rate": "events/s", "failed_rate": "events/s", "sustained_cores": "cores"}
    found = {
        name: MetricValue(value=value, unit=units.get(name, "ms"), better="higher") for name, value in metrics.items()
    }
    return [drain, paced.model_copy(update={"phase": "probe", "metrics": found, "series": [], "probes": probes})]


def of_flink() -> list[CaseResult]:
    probes = [
        probe(1, 100_000),
        probe(2, 145_000, "failed", why="its lag grew by 7.0 % of the load, and it was cut short", lag_growth=0.07),
        probe(3, 120_000, confirming=True),
        probe(4, 126_000, "failed", why=HOSTILE, confirming=True),
    ]
    return searched(
        "flink",
        probes,
        sustained_rate=120_000,
        failed_rate=126_000,
        sustained_latency_p50=700,
        sustained_latency_p99=1300,
        sustained_cores=1.25,
    )


def test_the_terminal_shows_the_rate_that_lasts_with_its_pair_and_beside_it_the_drains() -> None:
    text = printed(of(of_flink(), searched("spark", [probe(1, 9_000, "inconclusive")])), 160)
    line = next(line for line in text.splitlines() if "120 k/s" in line)
    for cell in ("flink", "126 k/s", "700 ms", "1.30 s", "500 k/s", "4"):
        assert cell in line
    assert any(line.split()[:3] == ["spark", "-", "-"] for line in text.splitlines())


def test_latencies_at_a_rate_at_which_the_generator_was_late_stand_in_brackets_wherever_they_are_shown() -> None:
    probes = [probe(1, 9_000, late_ms=50.0), probe(2, 10_000, p99_ms=1700.0, late_ms=300.0)]
    page = html.render(of(searched("flink", probes)), "streamgauge run")
    assert page.count("(1.70 s)") == 2
    assert ">1.70 s<" not in page
    assert "the load generator was late by 300 ms (p99)" in page
    assert page.count(">1.30 s<") >= 2


def test_the_page_shows_every_rate_that_was_tried_and_why_it_failed() -> None:
    page = html.render(of(of_flink()), "streamgauge run")
    for cell in ("The rate that lasts", "145 k/s", "7.00 %", "3, to confirm", "its lag grew by 7.0 % of the load"):
        assert cell in page
    assert "Latency over offered load" in page
    assert "<script>alert(1)" not in page


def test_a_figure_in_brackets_stays_in_brackets() -> None:
    cases = of_flink()
    rate = cases[1].metrics["sustained_rate"].model_copy(update={"bracketed": ["other work"]})
    cases[1] = cases[1].model_copy(update={"metrics": cases[1].metrics | {"sustained_rate": rate}})
    assert "(120 k/s)" in printed(of(cases), 160)
    assert "(120 k/s)" in html.render(of(cases), "streamgauge run")


def test_where_nothing_was_probed_nothing_is_said_of_it() -> None:
    run = of(made_up.pair("flink"))
    assert "sustained" not in printed(run, 160)
    assert "The rate that lasts" not in html.render(run, "streamgauge run")


def test_cost_is_the_whole_number_of_cores_above_the_ratio() -> None:
    # Events per CPU-second: 1,600 k over 1.6 against 500 k and 1,000 k over 1.6.
    speeds = {"continuous": 1.6e6, "flink": 0.5e6, "spark": 1e6}
    run = made_up.several(*(made_up.trials(name, [rate] * 5) for name, rate in speeds.items()))
    text = " ".join(printed(run, 160).split())
    assert "cores needed at least to overtake continuous on one (COST, computed): flink 4 and spark 2" in text
    assert "cores to overtake continuous on one" in html.render(run, "streamgauge run")


def test_an_engine_that_is_as_fast_as_the_runner_needs_two_cores_to_overtake_it() -> None:
    run = made_up.several(*(made_up.trials(name, [1e6] * 5) for name in ("continuous", "flink")))
    assert "(COST, computed): flink 2" in " ".join(printed(run, 160).split())


def test_no_cost_rests_on_a_figure_in_brackets_or_on_rows_that_are_wrong() -> None:
    fast = made_up.pair("continuous", 1e6)
    for spoiled in (bracketed(made_up.pair("flink")), made_up.pair("flink", outcome="fail")):
        assert "COST" not in html.render(of(fast, spoiled), "streamgauge run")
    assert "COST" not in html.render(of(bracketed(fast), made_up.pair("flink")), "streamgauge run")
    assert "COST" in html.render(of(fast, made_up.pair("flink")), "streamgauge run")


def test_one_trial_is_no_cost_in_the_terminal() -> None:
    assert "COST" not in printed(of(made_up.pair("continuous", 1e6), made_up.pair("flink")), 160)


def test_latencies_of_a_probe_stand_in_brackets_where_the_generator_was_late_or_others_worked() -> None:
    probes = [
        probe(1, 100_000, late_ms=12.0, p99_ms=1310.0),
        probe(2, 110_000, late_ms=60.0, p99_ms=1320.0),
        probe(3, 120_000, bracketed="beside the measured part other work took 9 % of the CPU time", p99_ms=1330.0),
        probe(4, 130_000, late_ms=60.0, p99_ms=None),
    ]
    page = html.render(of(searched("flink", probes)), "streamgauge run")
    assert "(1.31 s)" not in page
    assert page.count("(1.32 s)") == page.count("(1.33 s)") == 2, "in the list of probes and in the figure's table"
    assert "(-)" not in page


def bracketed(cases: list[CaseResult]) -> list[CaseResult]:
    return [
        case.model_copy(
            update={
                "metrics": {
                    name: value.model_copy(update={"bracketed": ["not warm"]}) for name, value in case.metrics.items()
                }
            }
        )
        for case in cases
    ]


def at_interval(interval_ms: int | None, guarantee: str) -> list[CaseResult]:
    asked = made_up.plan("flink", guarantee=guarantee, interval_ms=interval_ms or 1000)
    return [
        case.model_copy(update={"guarantee": guarantee, "asked": asked, "set_up": SetUp(interval_ms=interval_ms)})
        for case in made_up.pair("flink")
    ]


def test_guarantees_and_intervals_stand_under_each_other_with_what_they_cost() -> None:
    run = of(at_interval(None, "exactly-once"), at_interval(100, "exactly-once"), at_interval(None, "at-least-once"))
    page = html.render(run, "streamgauge run")
    for cell in ("The price of guarantees", "at-least-once", "100 ms", "1.00 s"):
        assert cell in page
    assert "a commit every 100 ms" in printed(run, 160)


def test_one_guarantee_at_one_interval_has_no_price() -> None:
    run = of(at_interval(None, "exactly-once"))
    assert "The price of guarantees" not in html.render(run, "streamgauge run")
