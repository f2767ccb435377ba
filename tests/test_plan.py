"""The plan of a run: written by the harness, gone on with by the harness, and judged whatever version wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.planning import planner, suite
from harness.planning.planner import Selection
from harness.problem import Problem
from harness.run import _recorded, resumed
from results import store
from results.plan import RunPlan
from tests.judge.recording import perfect
from tests.playback import CATALOGUE, SUITE

CASE = {"engine": "made", "mode": "default", "workload": "sensors", "log": "embedded", "guarantee": "exactly-once"}
STRIKES = {"fault": "kill-worker", "aim": "interval", "timeouts": "default"}


def judged(folder: Path, *cases: dict[str, Any], **more: Any) -> list[str]:
    """The names of the cases' folders, as the judge of a plan of these cases looks for them."""
    (folder / "plan.json").write_text(json.dumps({"suite": "mine", "cases": cases, **more}))
    return [case.trial for case in store.judge_run(folder).cases]


@pytest.fixture
def planned(tmp_path: Path) -> RunPlan:
    """A plan as the harness makes it, with strikes, and with cases that cannot run."""
    steady = "\n".join(line for line in SUITE.splitlines() if not line.startswith("drain"))
    path = tmp_path / "mine.toml"
    path.write_text(f'{steady}\n[faults]\ninject = "kill-worker"\n')
    content = suite.load(str(path), {}, CATALOGUE)
    chosen = Selection(guarantee="at-least-once")
    return planner.make("mine", content, chosen, CATALOGUE, ("kafka", None), lambda *_: None, "run")


def test_the_plan_that_a_run_goes_on_with_is_the_one_that_was_written(tmp_path: Path, planned: RunPlan):
    (tmp_path / "plan.json").write_text(planned.model_dump_json())
    assert resumed(tmp_path) == planned
    assert len({case.name for case in planned.cases}) == len(planned.cases)


def test_the_judge_looks_for_cases_where_the_harness_puts_them(tmp_path: Path, planned: RunPlan):
    (tmp_path / "plan.json").write_text(planned.model_dump_json())
    assert [case.trial for case in store.judge_run(tmp_path).cases] == [case.name for case in planned.cases]
    assert "alpha.default.sensors.at-least-once.kill-worker.interval.default" in {case.name for case in planned.cases}


def with_more(value: Any) -> Any:
    """The same with a key more in every table, but for a user's options, of which each is one."""
    if isinstance(value, dict):
        inner = {key: with_more(inner) if key != "options" else inner for key, inner in value.items()}
        return inner | {"of_another_version": 1}
    return [with_more(inner) for inner in value] if isinstance(value, list) else value


def test_a_plan_of_another_version_is_judged_and_not_gone_on_with(tmp_path: Path, planned: RunPlan):
    (tmp_path / "plan.json").write_text(json.dumps(with_more(planned.model_dump(mode="json"))))
    assert [case.trial for case in store.judge_run(tmp_path).cases] == [case.name for case in planned.cases]
    with pytest.raises(Problem, match="no plan to go on with"):
        resumed(tmp_path)


@pytest.mark.parametrize("table", ["plan", "case", "strikes", "blocked"])
def test_a_key_that_is_not_known_is_in_the_way_of_going_on_wherever_it_stands(
    tmp_path: Path, planned: RunPlan, table: str
):
    content = planned.model_dump(mode="json")
    blocked = next(case for case in content["cases"] if case["blocked"])
    tables = {"plan": content, "case": blocked, "strikes": blocked["strikes"], "blocked": blocked["blocked"]}
    tables[table]["of_another_version"] = 1
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(Problem):
        resumed(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "kept"),
    [
        (lambda history: None, True),
        (lambda history: (history / "manifest.json").unlink(), False),
        (lambda history: (history / "trial.json").write_text("{"), False),
        (lambda history: (history / "marks.jsonl").write_text(""), False),
    ],
)
def test_a_case_is_kept_if_its_trial_ended_and_has_a_manifest(tmp_path: Path, spoil: Any, kept: bool):
    history = perfect().write(tmp_path / "history")
    spoil(history)
    assert _recorded(history) == kept


@pytest.mark.parametrize("aim", ["phase", "an-aim-of-tomorrow"])
def test_strikes_with_an_aim_of_another_version_are_found_by_it(tmp_path: Path, aim: str):
    case = CASE | {"paced": {"rate": 1}, "strikes": STRIKES | {"aim": aim}}
    assert judged(tmp_path, case) == [f"made.default.sensors.exactly-once.kill-worker.{aim}.default"]


@pytest.mark.parametrize("name", ["", ".", "..", "../elsewhere", "a/b", "a\\b", "a\0b", "/elsewhere"])
@pytest.mark.parametrize("key", ["engine", "mode", "workload", "guarantee", "fault", "aim", "timeouts"])
def test_a_name_that_leads_out_of_the_runs_folder_is_refused(tmp_path: Path, key: str, name: str):
    case = CASE | {"paced": {"rate": 1}, "strikes": STRIKES | ({key: name} if key in STRIKES else {})}
    case |= {key: name} if key in CASE else {}
    with pytest.raises(store.DamagedRun, match=key):
        judged(tmp_path, case)


def test_the_harness_refuses_such_names_as_well(planned: RunPlan):
    content = planned.model_dump(mode="json")
    content["cases"][0]["strikes"]["fault"] = ".."
    with pytest.raises(ValueError, match="names a folder"):
        RunPlan.model_validate(content)
