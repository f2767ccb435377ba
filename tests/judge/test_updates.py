"""Engines that answer in updates are judged by the last row of each identity."""

from __future__ import annotations

import pytest

from tests.judge.conftest import JudgeShaped
from tests.judge.shapes import Shaped, shaped


def updating(name: str) -> tuple[Shaped, list[dict]]:
    """Every window is written by halves of its events first; and those rows."""
    made = shaped(name)
    made.emits = "updates"
    first = made.answer(made.events[::2])
    made.rows = [*first, *made.rows]
    return made, first


@pytest.mark.parametrize("name", ["tumbling", "sliding", "tumbling-distinct"])
def test_the_last_row_of_an_identity_counts(name: str, judge_shaped: JudgeShaped):
    made, first = updating(name)
    case = judge_shaped(made)
    assert case.outcome == "pass"
    assert case.verdict.match == len(made.rows) - len(first)
    assert (case.metrics["updates"].value, case.metrics["regressions"].value) == (len(first), 0)
    assert case.notes == []


def test_a_last_row_that_is_wrong_is_wrong(judge_shaped: JudgeShaped):
    made, first = updating("tumbling")
    made.rows.append(first[7])
    case = judge_shaped(made)
    assert case.outcome == "fail"
    assert (case.verdict.wrong, case.kinds) == (1, {"loss": 1})
    assert case.metrics["regressions"].value == 1


def test_a_count_that_falls_and_rises_again_is_a_regression_and_noted(judge_shaped: JudgeShaped):
    made, first = updating("tumbling")
    right = made.rows[len(first) + 3]
    made.rows += [row for row in first if made.identity(row) == made.identity(right)]
    made.rows.append(right)
    case = judge_shaped(made)
    assert case.outcome == "pass"
    assert case.metrics["regressions"].value == 1
    assert case.notes == ["1 rows counted fewer events than one for the same result before them"]


def test_without_updates_each_of_those_rows_is_a_conflict(judge_shaped: JudgeShaped):
    made, first = updating("tumbling")
    made.emits = "final"
    case = judge_shaped(made)
    assert case.outcome == "fail"
    assert case.kinds["conflict"] + case.kinds.get("loss", 0) >= len(first) / 2
    assert "updates" not in case.metrics


def test_a_row_for_an_unknown_key_is_unexpected_in_updates_too(judge_shaped: JudgeShaped):
    made, _ = updating("tumbling")
    made.rows += [made.rows[-1] | {"key": "stranger"}] * 2
    case = judge_shaped(made)
    assert case.verdict.unexpected == 2
    assert "stranger" in case.reason
