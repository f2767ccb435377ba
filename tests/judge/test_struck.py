"""What strikes say of a guarantee, on histories made by hand."""

from __future__ import annotations

from results.history import Exposed, Strike
from results.plan import Strikes
from tests.judge.recording import SECOND

PLAN = Strikes(fault="kill-worker", aim="interval", wanted=2, most=3, hold_s=0, timeouts="tuned")


def struck(recording, *inputs, step="injected"):
    recording.plan = recording.plan.model_copy(update={"strikes": PLAN, "fault": "kill-worker"})
    for number, at_stake in enumerate(inputs, 1):
        at_ns = (1000 + 5 * number) * SECOND
        recording.marks[-1:-1] = [
            Strike(at_ns=at_ns, number=number, fault="kill-worker", step=step),
            Exposed(at_ns=at_ns, number=number, outputs=0, inputs=at_stake, commit_age_s=0.5),
        ]
    return recording


def test_no_exposed_strike_leaves_the_guarantee_untested(recording, judged):
    case = judged(struck(recording, 0, 0))["paced"]
    assert (case.outcome, case.reason) == ("unknown", "untested: none of 2 strikes was exposed")


def test_fewer_exposed_strikes_than_wanted_are_said(recording, judged):
    case = judged(struck(recording, 7, 0))["paced"]
    assert case.outcome == "pass"
    assert "no violation seen in 1 aimed strike, 1 of 2 exposed strikes" in case.reason


def in_turn(recording, *strikes):
    """strikes: of each the slot, and what was at stake. Both workers have a part."""
    made = struck(recording, *(at_stake for _, at_stake in strikes))
    slots = {number: slot for number, (slot, _) in enumerate(strikes, 1)}
    made.marks[:] = [
        mark.model_copy(update={"slot": slots[mark.number], "parts": [0, 1]}) if isinstance(mark, Strike) else mark
        for mark in made.marks
    ]
    return made


def test_each_worker_that_has_a_part_must_have_been_exposed(recording, judged):
    case = judged(in_turn(recording, (0, 7), (1, 7)))["paced"]
    assert case.outcome == "pass"
    assert [strike.slot for strike in case.strikes] == [0, 1]


def test_a_worker_that_was_never_struck_is_untested_by_what_was_seen_of_the_other(recording, judged):
    case = judged(in_turn(recording, (0, 7), (0, 7)))["paced"]
    assert (case.outcome, case.observed) == ("unknown", case.reason)
    assert case.reason == "untested for worker 1 (none of 0 strikes on it was exposed)"


def test_a_strike_that_exposed_only_the_other_worker_does_not_count(recording, judged):
    made = in_turn(recording, (0, 7), (1, 0), (1, 0))
    case = judged(made)["paced"]
    assert (case.outcome, case.reason) == (
        "unknown",
        "untested for worker 1 (none of 2 strikes on it was exposed)",
    )


def test_an_unconfirmed_strike_leaves_no_verdict(recording, judged):
    case = judged(struck(recording, 7, 7, step="unconfirmed"))["paced"]
    assert case.outcome == "unknown"
    assert "strike 1 (kill-worker) could not be confirmed" in case.reason
