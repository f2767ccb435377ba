"""What `--rate`, `--pin` and several commit intervals make of a suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from harness.deadline import Deadline
from harness.planning import planner, suite
from harness.planning.catalogue import discover
from harness.planning.planner import CasePlan, Selection
from harness.planning.request import overrides
from harness.planning.suite import WARM_S, InvalidRequest
from harness.probing import FIRST_SHARE, following, load
from results.plan import Search
from results.rate_search import Ask, Tried


def cases(name: str, values: Mapping[str, str]) -> tuple[CasePlan, ...]:
    found = discover()
    content = suite.load(name, values, found)
    return planner.make(name, content, Selection(), found, ("kafka", None), lambda *_: None, "run").cases


@pytest.mark.parametrize("how", ["search", "sweep"])
def test_probes_take_the_place_of_the_paced_phase_and_backlogs_only_warm_up(how: str) -> None:
    planned = cases("quick", overrides([], None, rate=how, pin=None))
    assert len(planned) == len(cases("quick", {}))
    for case in planned:
        assert case.paced is None
        assert case.search is not None
        assert case.search.how == how
        assert bool(case.search.shares) == (how == "sweep")
        assert case.drain is not None
        assert case.drain.budget_s <= WARM_S
        assert not case.pin
        assert Deadline(case).limit_s > case.search.most * case.search.confirm_s
    assert Counter(case.case_name for case in planned).most_common(1)[0][1] == 1


def test_an_engine_has_cpus_of_its_own_where_that_is_asked() -> None:
    assert all(case.pin for case in cases("pair", overrides([], None, rate=None, pin="auto")))
    assert not any(case.pin for case in cases("pair", {}))


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("faults", {"search.how": "search"}, "no `faults`"),
        ("quick", {"search.how": "guess"}, "guess"),
        ("quick", {"search.how": "search", "search.confirm": "1s"}, "`confirm` is shorter"),
        ("quick", {"search.how": "sweep", "search.shares": "[0.5, 0]"}, "`shares` are above 0"),
        ("quick", {"search.how": "sweep", "search.shares": "[]"}, "`shares` are above 0"),
        ("quick", {"search.how": "search", "search.most": "1000"}, "most"),
        ("quick", {"search.how": "search", "search.probe": "0s"}, "probe"),
        ("quick", {"search.how": "search", "search.max_rate": "inf"}, "max_rate"),
        ("quick", {"intervals": '["1s"]'}, "`intervals` are at least 1 ms"),
        ("quick", {"intervals": '["2s", "2s"]'}, "`intervals` are at least 1 ms"),
        ("quick", {"intervals": '["0s"]'}, "`intervals` are at least 1 ms"),
        ("quick", {"intervals": '["2s"]', "guarantee": "at-least-once"}, "`intervals` are for exactly-once"),
        ("quick", {"pin": "always"}, "pin"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(name: str, values: dict[str, str], what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        suite.load(name, values, discover())
    assert what in " ".join(f"{problem.what} {problem.where}" for problem in caught.value.problems)


def test_the_price_of_guarantees_is_each_guarantee_and_exactly_once_at_each_interval() -> None:
    planned = cases("price-of-guarantees", {})
    engines = {case.engine for case in planned}
    assert len(engines) == 6
    for engine in engines:
        mine = Counter((case.guarantee, case.interval_ms) for case in planned if case.engine == engine)
        exactly = {("exactly-once", interval_ms): 1 for interval_ms in (100, 300, 1000, 3000, 10_000)}
        assert mine == exactly | {("at-least-once", 1000): 1, ("at-most-once", 1000): 1}
    assert len({case.case_name for case in planned}) == len(planned)


SWEPT = Search(
    how="sweep",
    probe_s=15,
    confirm_s=30,
    settle_s=3,
    most=12,
    max_rate=9_000,
    p99_intervals=10,
    event_share=0.96,
    shares=(1.0, 0.1, 0.5, 0.9, 2.0),
)


def test_a_sweep_goes_from_slow_to_fast_and_ends_once_two_in_a_row_were_not_held() -> None:
    tried: list[Tried] = []
    while (ask := following(SWEPT, tried, 10_000)) is not None:
        tried.append(Tried(ask.rate, "held" if ask.rate < 5_000 else "failed"))
    assert [each.rate for each in tried] == [1_000, 5_000, 9_000]
    assert load(SWEPT, Ask(1_000)).measured_s == 30


def test_a_sweep_that_is_held_everywhere_tries_no_rate_twice() -> None:
    tried: list[Tried] = []
    while (ask := following(SWEPT, tried, 10_000)) is not None:
        tried.append(Tried(ask.rate, "held"))
    assert [each.rate for each in tried] == [1_000, 5_000, 9_000]  # Faster ones are all the fastest that may be.


def test_a_search_begins_below_the_drains_rate_and_takes_no_more_probes_than_asked() -> None:
    search = SWEPT.model_copy(update={"how": "search", "shares": (), "max_rate": 1e6})
    first = following(search, [], 10_000)
    assert first == Ask(FIRST_SHARE * 10_000)
    assert following(search, [Tried(1, "failed")] * search.most, 10_000) is None
    assert load(search, Ask(1_000)).measured_s == 15
    assert load(search, Ask(1_000, confirming=True)).measured_s == 30
