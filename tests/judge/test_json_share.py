"""The share of JSON, by the samples that a trial stored; and that the backlog it is taken from counts for rows only."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from results.history import PROFILED, Profiled


def profiled(recording, samples: int, json_samples: int, why: str = "") -> None:
    at_ns = recording.marks[-1].at_ns
    recording.marks.insert(-1, Profiled(at_ns=at_ns, samples=samples, json_samples=json_samples, why=why))


def test_the_share_is_that_of_the_stacks_and_is_told_in_words(recording, judged):
    profiled(recording, 400, 100)
    case = judged(recording)["drain"]
    assert case.metrics["json_share"].value == 25
    assert case.metrics["json_share"].n == 400
    assert "JSON is 25 % of what its Java threads do with a backlog" in case.notes


def test_of_few_stacks_no_share_is_told(recording, judged):
    profiled(recording, 99, 50)
    assert judged(recording)["drain"].absent["json_share"] == "99 stacks were sampled, and 100 are needed"


def test_why_nothing_was_sampled_is_told(recording, judged):
    profiled(recording, 0, 0, "jcmd failed")
    assert judged(recording)["drain"].absent["json_share"] == "jcmd failed"


def test_an_engine_that_was_not_profiled_has_no_share_and_no_word_of_it(recording, judged):
    case = judged(recording)["drain"]
    assert "json_share" not in {*case.metrics, *case.absent}


def test_the_rows_of_the_profiled_backlog_are_judged_and_its_time_is_not(recording, judged):
    whole = judged(recording)["drain"]
    recording.marks = [
        mark.model_copy(update={"phase": PROFILED}) if getattr(mark, "phase", "") == "drain-2" else mark
        for mark in recording.marks
    ]
    case = judged(recording)["drain"]
    assert case.verdict == whole.verdict
    assert case.metrics["drain_events"].value == 1000


def test_more_stacks_of_json_than_stacks_are_damage():
    with pytest.raises(ValidationError, match="more samples"):
        Profiled(at_ns=1, samples=1, json_samples=2)
