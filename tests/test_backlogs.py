"""The course of a trial's drains: equal backlogs until the engine is warm, then the one that is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import backlogs
from results.plan import Drain
from results.warmth import GROWTH, LASTS_S, LEAST, MOST, Drained, growth

WRITTEN_PER_S = 500_000


@dataclass
class MadeUp:
    """An engine whose speed is known. rate: of its first backlogs, in order, and then the last one for ever."""

    rate: list[float]
    fixed_s: float = 0.0
    elapsed_s: float = 0.0
    done: list[Drained] = field(default_factory=list)

    def work_off(self, events: int) -> Drained:
        rate = self.rate[min(len(self.done), len(self.rate) - 1)]
        seconds = self.fixed_s + events / rate
        self.elapsed_s += seconds + events / WRITTEN_PER_S
        self.done.append(Drained(events, seconds, events / rate))
        return self.done[-1]

    def drained(self, drain: Drain) -> MadeUp:
        backlogs.run(drain, 1000, lambda: self.elapsed_s, self.work_off)
        return self

    @property
    def sizes(self) -> list[int]:
        return [each.events for each in self.done]


def asked(**changes: float) -> Drain:
    values: dict[str, float] = {
        "events": 300_000, "backlogs": LEAST, "intervals": 10, "budget_s": 120, "max_events": 10**7
    }  # fmt: skip
    return Drain.model_validate(values | changes)


def test_an_engine_that_is_warm_at_once_is_drained_the_least_number_of_times_and_then_measured() -> None:
    engine = MadeUp([100_000]).drained(asked())
    assert engine.sizes == [*[300_000] * LEAST, 1_000_000]
    assert engine.done[-1].seconds == pytest.approx(10)


def test_backlogs_follow_until_the_growth_over_a_doubling_is_small() -> None:
    engine = MadeUp([10_000, 30_000, 60_000, 90_000, 110_000, 120_000]).drained(asked(budget_s=1000))
    equal = engine.done[:-1]
    assert LEAST < len(equal) < MOST
    after = [growth(equal[:count]) for count in range(LEAST, len(equal) + 1)]
    assert [grew is not None and grew < GROWTH for grew in after] == [False] * (len(after) - 1) + [True]


def test_a_pause_in_the_growth_does_not_end_the_backlogs() -> None:
    thousands = [8.4, 25.7, 32.7, 34.7, 52.8, 49.7, 53.7]
    engine = MadeUp([1000 * each for each in thousands]).drained(asked(budget_s=1000))
    assert len(engine.done) - 1 > len(thousands)


def test_the_budget_ends_the_backlogs_of_an_engine_that_still_grows() -> None:
    engine = MadeUp([10_000 * 1.2**number for number in range(MOST)]).drained(asked(budget_s=150))
    spent_s = [sum(each.seconds + each.events / WRITTEN_PER_S for each in engine.done[:n]) for n in range(MOST)]
    equal = engine.sizes.count(300_000)
    assert LEAST <= equal < MOST
    assert spent_s[equal - 1] < 150 <= spent_s[equal]


def test_the_least_number_is_drained_beyond_the_budget() -> None:
    # Each takes 6.6 s, of a budget of 20 s.
    assert MadeUp([50_000]).drained(asked(budget_s=20)).sizes == [*[300_000] * LEAST, 500_000]


def test_an_engine_that_is_far_too_slow_for_its_budget_is_not_drained_for_hours() -> None:
    engine = MadeUp([1_000]).drained(asked(budget_s=20))
    assert engine.sizes == [300_000, 10_000]


def test_a_last_backlog_that_was_too_short_is_followed_by_a_larger_one() -> None:
    # 1.5 s of each drain are fixed: by a small backlog the engine seems slower than it is.
    engine = MadeUp([300_000], fixed_s=1.5).drained(asked())
    *equal, short, last = engine.done
    assert [each.events for each in equal] == [300_000] * LEAST
    assert short.seconds < 9
    assert last.seconds == pytest.approx(10)


def test_a_last_backlog_is_no_shorter_because_commits_are_close_together() -> None:
    engine = MadeUp([300_000], fixed_s=1.0)
    backlogs.run(asked(intervals=3), 100, lambda: engine.elapsed_s, engine.work_off)
    assert engine.done[-1].seconds == pytest.approx(LASTS_S)
    assert engine.sizes[-1] > 300_000


def test_no_backlog_is_larger_than_allowed_and_none_of_that_size_follows_itself() -> None:
    assert MadeUp([2e6]).drained(asked(max_events=5_000_000)).sizes == [*[300_000] * LEAST, 5_000_000]


def test_a_suite_may_ask_for_fewer_backlogs() -> None:
    drain = asked(events=500, backlogs=1, intervals=1, budget_s=0.1, max_events=500)
    assert MadeUp([1e6]).drained(drain).sizes == [500, 500]


def test_equal_backlogs_are_measured_where_a_suite_asks_for_that() -> None:
    drain = asked(backlogs=1, measured=3)
    assert MadeUp([100_000]).drained(drain).sizes == [300_000] * 4
    slow = MadeUp([100_000]).drained(asked(backlogs=2, measured=5, budget_s=0.1))
    assert len(slow.sizes) == 1 + 5, "the budget ends the warm-up, and never what is measured"


@given(
    st.lists(st.floats(10, 1e7), min_size=1, max_size=60),
    st.floats(0, 3),
    st.builds(
        Drain,
        events=st.integers(1, 10**6),
        backlogs=st.integers(1, 60),
        intervals=st.floats(0.1, 20),
        budget_s=st.floats(0.1, 300),
        max_events=st.integers(1, 10**7),
        measured=st.none() | st.integers(1, 100),
    ),
)
def test_no_course_has_more_events_than_the_plan_leaves_ids_for(
    rates: list[float], fixed_s: float, drain: Drain
) -> None:
    engine = MadeUp(rates, fixed_s).drained(drain)
    assert sum(engine.sizes) <= drain.total_events
    assert max(engine.sizes) <= max(drain.max_events, drain.events)


def test_before_anything_was_drained_there_is_nothing_to_end() -> None:
    over: Callable[..., bool] = backlogs.over
    assert not over(asked(), [], 10**6)
