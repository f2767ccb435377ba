"""Engines that lie about their guarantee are convicted for the right reason, and an honest one is never accused."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.judge import judge
from results.result import CaseResult
from tests.judge.liars import LIARS, Engine, Hanging, trial
from tests.judge.shapes import shaped
from tests.judge.test_forbidden import swapped

TRIALS = 12
LEAST = 11
HONEST_TRIALS = 100


def judged(kind: type[Engine], number: int, folder: Path) -> CaseResult:
    (case,) = judge(trial(kind, number).write(folder / str(number)))
    return case


def convicted(kind: type[Engine], case: CaseResult) -> bool:
    """For the right reason: by the kind of its wrong rows and no other, or by its end."""
    if issubclass(kind, Hanging):
        return case.outcome == "unknown" and kind.word in case.reason
    return case.outcome == "fail" and set(case.kinds) == kind.expected


@pytest.mark.parametrize("kind", LIARS)
def test_a_liar_is_convicted_for_the_right_reason_in_11_of_12_trials(
    kind: type[Engine], tmp_path: Path, record_property
):
    cases = [judged(kind, number, tmp_path) for number in range(TRIALS)]
    count = sum(convicted(kind, case) for case in cases)
    record_property("convicted", f"{kind.__name__}: {count} of {TRIALS}")
    assert count >= LEAST, [(case.outcome, case.reason[:200], case.kinds) for case in cases]


def test_rows_of_a_key_that_change_places_are_convicted_in_each_trial(judge_shaped):
    cases = [judge_shaped(swapped(shaped("running"), apart)) for apart in range(1, 1 + TRIALS)]
    assert [(case.outcome, set(case.kinds)) for case in cases] == [("fail", {"out of order"})] * TRIALS


def test_an_honest_engine_is_accused_in_none_of_100_trials(tmp_path: Path):
    cases = [judged(Engine, number, tmp_path) for number in range(HONEST_TRIALS)]
    assert [(case.outcome, case.reason) for case in cases if case.outcome != "pass"] == []
    assert min(sum(strike.exposed for strike in case.strikes) for case in cases) >= 5
