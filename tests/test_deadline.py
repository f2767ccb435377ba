"""A trial has a deadline that leaves room for all it is asked to do, and says where it was ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness import deadline
from harness.deadline import Deadline
from harness.failure import TrialFailure


def test_a_trial_is_ended_once_its_deadline_is_over_and_not_before(monkeypatch: pytest.MonkeyPatch):
    now_s = 1000.0
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now_s))
    strikes = SimpleNamespace(most=3, hold_s=8.0)
    case: Any = SimpleNamespace(paced=SimpleNamespace(duration_s=100.0), drain=None, search=None, strikes=strikes)
    limit = Deadline(case)
    assert limit.limit_s > 100 + 3 * 8
    now_s += limit.limit_s
    limit.check("paced", "logs")
    now_s += 1
    with pytest.raises(TrialFailure, match="ended in phase paced") as caught:
        limit.check("paced", "logs")
    assert caught.value.where == "logs"


def test_a_search_has_time_for_all_the_probes_that_it_may_take():
    def limit_s(most: int) -> float:
        search = SimpleNamespace(most=most, settle_s=3.0, confirm_s=30.0)
        case: Any = SimpleNamespace(paced=None, drain=None, search=search, strikes=None)
        return Deadline(case).limit_s

    assert limit_s(12) - limit_s(2) >= 10 * 33
