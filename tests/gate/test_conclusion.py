"""What the trials of a gate come to, told from made-up ones."""

from __future__ import annotations

import pytest

from results.gate.conclusion import (
    Trials,
    control,
    disturbed,
    figures,
    other_versions,
    to_look_at_again,
    verdict,
)
from results.gate.gate_result import Acceptance, FigureResult, GateTrial, WrongTrial
from results.result import CaseResult
from tests import made_up
from tests.gate.made_up_trials import CASE, CPU, OTHER, P99, RATE, stage


def concluded(trials: list[GateTrial], *accepted: Acceptance) -> dict[tuple[str, str], FigureResult]:
    every = Trials(trials)
    found = figures(every, to_look_at_again(every), accepted)
    return {(each.case, each.metric): each for each in found}


def wrong(side: str, outcome: str) -> WrongTrial:
    return WrongTrial.model_validate({"case": CASE, "side": side, "outcome": outcome, "reason": "so"})


def test_without_a_change_every_figure_passes_and_says_what_it_could_have_seen() -> None:
    found = concluded(stage("screen"))
    assert list(found) == [(case, name) for case in found_cases(found) for name in (CPU, RATE, P99)]
    assert {each.verdict for each in found.values()} == {"pass"}
    for each in found.values():
        assert each.floor is not None and 0 < each.floor < each.limit
        assert each.why.startswith("could not have seen less than ")
        assert each.decision is None and each.screen is not None and each.screen.pairs == 5


def found_cases(found: dict[tuple[str, str], FigureResult]) -> list[str]:
    return list(dict.fromkeys(case for case, _ in found))


def test_a_slowdown_is_flagged_and_fails_on_fresh_pairs_alone() -> None:
    slower = {CPU: 0.8}
    trials = [*stage("screen", slower), *stage("decision", slower, cases=[CASE], seed=2)]
    assert to_look_at_again(Trials(trials)) == [(CASE, CPU)]
    found = concluded(trials)
    each = found[CASE, CPU]
    assert (each.verdict, each.limit) == ("regression", 0.10)
    assert each.decision is not None and each.decision.change == pytest.approx(0.2, abs=0.02)
    assert each.decision.pairs == 7
    assert {one.verdict for place, one in found.items() if place != (CASE, CPU)} == {"pass"}
    assert verdict(found.values(), []) == "regression"


def test_what_the_screen_saw_by_chance_does_not_fail_on_fresh_pairs() -> None:
    trials = [*stage("screen", {CPU: 0.8}), *stage("decision", cases=[CASE], seed=2)]
    each = concluded(trials)[CASE, CPU]
    assert each.verdict == "pass"
    assert each.screen is not None and each.screen.change > 0.1
    assert each.decision is not None and abs(each.decision.change) < 0.05


def test_latency_may_rise_further_than_rates_may_fall() -> None:
    slower = {P99: 1.15, RATE: 0.85}
    trials = [*stage("screen", slower), *stage("decision", slower, cases=[CASE], seed=2)]
    found = concluded(trials)
    assert found[CASE, RATE].verdict == "regression"
    assert found[CASE, P99].verdict == "pass"


def test_what_became_faster_is_no_regression() -> None:
    found = concluded(stage("screen", {CPU: 1.5, RATE: 1.5, P99: 0.5}))
    assert {each.verdict for each in found.values()} == {"pass"}
    screen = found[CASE, CPU].screen
    assert screen is not None and screen.change < -0.3


def test_trials_that_differ_too_much_leave_it_inconclusive() -> None:
    found = concluded([*stage("screen", noise=0.15, cases=[OTHER]), *stage("decision", noise=0.15, cases=[OTHER])])
    assert found[OTHER, CPU].verdict == "inconclusive"
    assert found[OTHER, CPU].why.endswith("and 10.0 % is the limit")
    assert verdict(found.values(), []) == "inconclusive"


def test_an_accepted_change_is_shown_and_does_not_fail() -> None:
    slower = {CPU: 0.7, RATE: 0.7}
    trials = [*stage("screen", slower), *stage("decision", slower, cases=[CASE], seed=2)]
    known = Acceptance(case=CASE, metric=CPU, until="2099-01-01", reason="exact sums")
    found = concluded(trials, known)
    assert found[CASE, CPU].verdict == "accepted"
    assert found[CASE, CPU].accepted == known
    assert "accepted until 2099-01-01: exact sums" in found[CASE, CPU].why
    assert found[CASE, RATE].verdict == "regression", "another figure of the case"
    whole = concluded(trials, known.model_copy(update={"metric": None}))
    assert {whole[CASE, each].verdict for each in (CPU, RATE)} == {"accepted"}
    assert verdict(whole.values(), []) == "pass"


def test_a_figure_that_is_lacking_is_not_compared_and_says_why() -> None:
    trials = [
        each.model_copy(update={"figures": {}, "absent": {CPU: "samples cannot be read"}})
        if each.case == OTHER and each.side == "candidate" and each.pair == 0
        else each
        for each in stage("screen")
    ]
    found = concluded(trials)[OTHER, CPU]
    assert (found.verdict, found.screen, found.floor) == ("not compared", None, None)
    assert found.why == "too few trials have it: the candidate lacks it: samples cannot be read"


def test_the_speed_of_a_baseline_that_was_wrong_says_nothing() -> None:
    trials = stage("screen")
    trials[0] = trials[0].model_copy(update={"outcome": "fail", "reason": "a row is missing", "side": "baseline"})
    mine = trials[0].case
    found = concluded(trials)
    assert {each.verdict for place, each in found.items() if place[0] == mine} == {"not compared"}
    assert "a row is missing" in found[mine, CPU].why
    assert verdict(found.values(), [wrong("baseline", "fail")]) == "inconclusive"


@pytest.mark.parametrize(
    ("trials", "reached"),
    [
        ([("candidate", "fail")], "wrong"),
        ([("candidate", "unknown"), ("candidate", "fail")], "wrong"),
        ([("candidate", "unknown")], "unfinished"),
        ([("baseline", "unknown")], "unfinished"),
        ([("baseline", "unavailable")], "unfinished"),
    ],
)
def test_correctness_comes_before_speed(trials: list[tuple[str, str]], reached: str) -> None:
    assert verdict([], [wrong(side, outcome) for side, outcome in trials]) == reached


def test_a_gate_that_compared_nothing_is_inconclusive() -> None:
    assert verdict([], []) == "inconclusive"


def stored(noise: float, slower: float) -> Trials:
    """Twelve trials of a baseline from a folder, and the candidate's of both stages."""
    old = [each for name in ("screen", "decision") for each in stage(name, noise=noise, cases=[CASE], seed=5)]
    kept = [
        each.model_copy(update={"stage": "screen", "quad": number, "pair": number})
        for number, each in enumerate(each for each in old if each.side == "baseline")
    ]
    new = [each for name in ("screen", "decision") for each in stage(name, {CPU: slower}, noise, [CASE], seed=6)]
    return Trials([*kept, *(each for each in new if each.side == "candidate")], stored=True)


def test_against_stored_trials_both_stages_compare_with_all_of_them() -> None:
    slow = stored(0.02, 0.75)
    again = to_look_at_again(slow)
    assert again == [(CASE, CPU)]
    found = {each.metric: each for each in figures(slow, again, [])}
    assert found[CPU].verdict == "regression"
    assert found[CPU].decision is not None and found[CPU].decision.pairs == 7
    assert found[RATE].verdict == "pass"
    assert to_look_at_again(stored(0.02, 1.0)) == []


def test_the_control_tells_what_the_machine_did() -> None:
    trials = [
        each.model_copy(update={"control_s": 0.2 if each.side == "baseline" else 0.3}) for each in stage("screen")
    ]
    found = control("made up", trials)
    assert found is not None
    assert found.drift == pytest.approx(0.5)
    assert control("made up", [each.model_copy(update={"control_s": None}) for each in trials]) is None


def versions(engine: str, **of: str) -> list[CaseResult]:
    asked = {"streamgauge": "0.1.0"} | {name.replace("_", "-"): version for name, version in of.items()}
    return [case.model_copy(update={"asked": made_up.plan(engine, versions=asked)}) for case in made_up.pair(engine)]


def test_what_ran_in_another_version_is_told() -> None:
    old = [*versions("flink", flink="2.1.0", java="17"), *versions("spark", spark="4.2.0")]
    assert other_versions(old, old) == []
    new = [*versions("flink", flink="2.2.0", java="17", connector="5"), *versions("spark", spark="4.2.0")]
    told = "`flink` ran with flink 2.1.0 on the baseline's side, and with 2.2.0 on the candidate's."
    assert other_versions(old, new) == [told]
    assert other_versions([*old, *new], new)[0].startswith("`flink` ran with flink 2.1.0 and 2.2.0 on the baseline's")
    own = [
        case.model_copy(update={"asked": case.asked.model_copy(update={"versions": {"streamgauge": "9"}})})
        for case in old
        if case.asked is not None
    ]
    assert other_versions(old, own) == [], "our own code is what is compared"
    assert other_versions([case.model_copy(update={"asked": None}) for case in old], new) == []


def test_other_work_beside_most_trials_is_spoken_of() -> None:
    trials = stage("screen")
    assert disturbed(trials) is None
    busy = [each.model_copy(update={"foreign_percent": 40.0}) for each in trials]
    assert disturbed(busy) == "Other work took 40 % of the CPU time beside the middle one of the trials."
    assert disturbed([each.model_copy(update={"foreign_percent": None}) for each in trials]) is None
