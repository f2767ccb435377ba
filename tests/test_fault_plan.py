"""Which cases a suite with faults asks for, and which engines a fault cannot strike, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.protocol import Claim
from harness.planning import planner, suite
from harness.planning.planner import Selection
from harness.planning.request import overrides
from harness.planning.suite import InvalidRequest
from harness.problem import ExitCode
from results.plan import RunPlan
from tests.playback import CATALOGUE, SUITE

STEADY = "\n".join(line for line in SUITE.splitlines() if not line.startswith("drain"))


def planned(
    tmp_path: Path, faults: str, log: str = "kafka", workers: dict[str, str] | None = None, **chosen: object
) -> RunPlan:
    path = tmp_path / "mine.toml"
    path.write_text(f"{STEADY}\n[faults]\n{faults}\n")
    content = suite.load(str(path), workers or {}, CATALOGUE)
    selection = Selection(engines=("alpha",), log=log, **chosen)  # type: ignore[arg-type]
    return planner.make("mine", content, selection, CATALOGUE, (log, None), lambda *_: None, "run")  # type: ignore[arg-type]


def test_each_fault_and_profile_of_time_outs_is_a_case_with_a_name_of_its_own(tmp_path):
    made = planned(tmp_path, 'inject = ["kill-worker", "cut-network"]\ntimeouts = ["default", "tuned"]')
    assert [case.name for case in made.cases] == [
        f"alpha.default.sensors.exactly-once.{fault}.interval.{timeouts}"
        for fault in ("kill-worker", "cut-network")
        for timeouts in ("default", "tuned")
    ]
    first = made.cases[0].strikes
    assert first is not None
    assert (first.wanted, first.most, first.hold_s, first.timeouts) == (5, 8, 0.0, "default")
    # A fault that lasts has a time of its own, unless the suite gives one.
    assert made.cases[2].strikes is not None
    assert made.cases[2].strikes.hold_s == 8.0


@pytest.mark.parametrize(
    ("hold", "kill", "pause"), [('"3s"', 3.0, 3.0), ('{ pause-worker = "7s" }', 0.0, 7.0), ("{}", 0.0, 60.0)]
)
def test_a_suite_says_how_long_every_fault_or_a_certain_one_lasts(tmp_path, hold: str, kill: float, pause: float):
    made = planned(tmp_path, f'inject = ["kill-worker", "pause-worker"]\nhold = {hold}')
    assert [case.strikes.hold_s for case in made.cases if case.strikes] == [kill, pause]


def test_a_time_for_an_unknown_fault_or_below_zero_is_an_error(tmp_path):
    with pytest.raises(InvalidRequest) as caught:
        planned(tmp_path, 'inject = "kill-worker"\nhold = { pause-worke = "7s" }')
    assert [problem.what for problem in caught.value.problems] == ["unknown fault `pause-worke`"]
    with pytest.raises(InvalidRequest, match="every fault"):
        planned(tmp_path, 'inject = "kill-worker"\nhold = "-1s"')


def test_fewer_strikes_than_workers_are_refused_where_workers_are_struck_in_turn(tmp_path):
    two = {"parallelism": "2"}
    with pytest.raises(InvalidRequest) as caught:
        planned(tmp_path, 'inject = ["cut-network", "pause-worker"]\nexposed = 1\nmost = 1', workers=two)
    (problem,) = caught.value.problems
    assert "`most` is 1: pause-worker strikes one worker at a time, and there are 2" in problem.what
    assert problem.exit_code == ExitCode.USAGE
    assert planned(tmp_path, 'inject = "cut-network"\nexposed = 1\nmost = 1', workers=two).cases
    assert planned(tmp_path, 'inject = "pause-worker"\nexposed = 1\nmost = 2', workers=two).cases


def test_an_engine_may_be_struck_by_other_faults_than_the_rest(tmp_path):
    text = 'inject = "kill-worker"\ninstead = { alpha = ["kill-all", "pause-worker"] }'
    assert [case.strikes.fault for case in planned(tmp_path, text).cases] == ["kill-all", "pause-worker"]
    text = 'inject = "kill-worker"\ninstead = { "alpha.default" = "kill-all" }'
    assert [case.strikes.fault for case in planned(tmp_path, text).cases] == ["kill-all"]
    with pytest.raises(InvalidRequest, match="unknown mode of alpha `defaul`"):
        planned(tmp_path, 'inject = "kill-worker"\ninstead = { "alpha.defaul" = "kill-all" }')
    with pytest.raises(InvalidRequest) as caught:
        planned(tmp_path, 'inject = "kill-worker"\ninstead = { alpha = "kill-al", alpa = "kill-all" }')
    assert [problem.what for problem in caught.value.problems] == ["unknown engine `alpa`", "unknown fault `kill-al`"]


def test_a_fault_that_is_named_on_the_command_line_strikes_every_engine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'{STEADY}\n[faults]\ninject = "kill-worker"\ninstead = {{ alpha = "kill-all" }}\n')
    content = suite.load(str(path), overrides([], None, ["pause-worker"]), CATALOGUE)
    assert (content.faults.inject, content.faults.instead) == (("pause-worker",), {})


def test_a_guarantee_each_is_a_case(tmp_path):
    made = planned(tmp_path, 'inject = "kill-worker"', guarantee="at-least-once")
    assert [case.guarantee for case in made.cases] == ["at-least-once"]


def test_a_guarantee_that_changes_nothing_in_an_engine_is_not_struck_twice(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    several = STEADY.replace('guarantee = "exactly-once"', 'guarantee = ["exactly-once", "at-least-once"]')
    path.write_text(f'{several}\n[faults]\ninject = "kill-worker"\n')
    content = suite.load(str(path), {}, CATALOGUE)

    def blocked() -> list[str]:
        none = Selection(engines=("alpha",), log="kafka")
        made = planner.make("mine", content, none, CATALOGUE, ("kafka", None), lambda *_: None, "run")
        return [case.blocked.reason if case.blocked else "" for case in made.cases]

    assert blocked() == ["", "the same job with the same claim as under exactly-once"]
    monkeypatch.setattr(
        type(CATALOGUE.engines["alpha"]), "claim", lambda _, guarantee, mode: Claim(guarantee, guarantee)
    )
    assert blocked() == ["", ""]


@pytest.mark.parametrize(
    ("fault", "log", "why"),
    [
        ("kill-coordinator", "kafka", "has no coordinator"),
        ("kill-broker", "embedded", "the embedded log has no broker"),
        ("cut-network", "embedded", "the embedded log has no broker"),
        ("fill-disk", "embedded", "the log's own file"),
    ],
)
def test_what_a_fault_needs_and_a_case_lacks_is_unsupported_with_the_reason(tmp_path, fault, log, why):
    (case,) = planned(tmp_path, f'inject = "{fault}"', log).cases
    assert case.blocked is not None
    assert case.blocked.outcome == "unsupported"
    assert why in case.blocked.reason


def test_a_broker_of_somebody_else_is_never_broken(tmp_path):
    (case,) = planned(tmp_path, 'inject = "kill-broker"', kafka="localhost:9092").cases
    assert case.blocked is not None
    assert "not ours" in case.blocked.reason


def test_faults_strike_under_a_steady_load_only(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SUITE + '\n[faults]\ninject = "kill-worker"\n')
    with pytest.raises(InvalidRequest, match="steady load"):
        suite.load(str(path), {}, CATALOGUE)
