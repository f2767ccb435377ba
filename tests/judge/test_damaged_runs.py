"""Whatever stands in a run's folder: its other cases are judged, in time, and a result that was made is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import cli
from results import store
from results.history import METHOD_VERSION
from results.result import RunResult
from tests.judge.recording import Recording, seal

LIMIT_S = 120
"""What hangs does so for good; what does not takes seconds."""

CASE = "made.default.sensors"


def asked(recording: Recording) -> dict[str, object]:
    plan = recording.plan.model_dump(mode="json")
    told = ("engine", "mode", "workload", "log", "guarantee", "seed", "parameters", "paced", "drain", "event_rate")
    return {name: plan[name] for name in told}


@pytest.fixture
def run(recording: Recording, tmp_path: Path) -> Path:
    """Two cases that pass, the first of which is to be damaged."""
    folder = tmp_path / "2026-11-29T00-00-00_quick_abcd"
    told = {"engine": "other", "name": "other.default.sensors"}
    other = replace(recording, plan=recording.plan.model_copy(update=told))
    for each in (recording, other):
        each.write(folder / "cases" / each.plan.name)
    (folder / "plan.json").write_text(json.dumps({"suite": "quick", "cases": [asked(recording), asked(other)]}))
    return folder


def outcomes(result: RunResult) -> dict[str, set[str]]:
    return {engine: {case.outcome for case in result.cases if case.engine == engine} for engine in ("made", "other")}


def changed(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def reason(run: Path) -> str:
    """Of the damaged case; the other one passes, and the result can be stored and read again."""
    result = store.judge_run(run)
    assert outcomes(result) == {"made": {"unknown"}, "other": {"pass"}}
    store.save(run, result)
    assert store.load(run) == result
    (told,) = {case.reason for case in result.cases if case.engine == "made"}
    return told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 6),
        ("parameters", {"keys": 20, "zipf": 1.5, "window_ms": 1000, "disorder_ms": 500}),
        ("parameters", {"keys": 20, "window_ms": 1000, "disorder_ms": 500}),
        ("event_rate", 100),
        ("paced", None),
        ("paced", {"rate": 200, "warmup_s": 3, "measured_s": 25}),
        ("drain", {"events": 1000, "intervals": 3, "budget_s": 60, "max_events": 5000}),
    ],
)
@pytest.mark.parametrize("file", ["trial.json", "plan.json"])
def test_two_plans_that_contradict_each_other_are_damage(run, file, name, value):
    if file == "plan.json":
        changed(run / file, lambda plan: plan["cases"][0].update({name: value}))
    else:
        changed(run / "cases" / CASE / file, lambda plan: plan.update({name: value}))
        seal(run / "cases" / CASE)
    told = reason(run)
    assert name in told
    assert "in trial.json and" in told


def test_a_history_of_another_engine_is_damage(run):
    changed(run / "cases" / CASE / "trial.json", lambda plan: plan.update(engine="another"))
    assert "engine is 'another' in trial.json and 'made' in plan.json" in reason(run)


def test_a_phase_that_is_in_no_plan_of_the_trial_does_not_vanish(run):
    changed(run / "cases" / CASE / "trial.json", lambda plan: plan.update(paced=None, drain=None))
    assert "is None in trial.json" in reason(run)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ['"rate":200.0', '"zipf":1.0', '"measured_s":24.0', '"event_rate":200.0'])
def test_a_number_that_is_none_takes_one_case_only(run, field, value):
    path = run / "cases" / CASE / "trial.json"
    text = path.read_text()
    assert field in text
    path.write_text(text.replace(field, field.partition(":")[0] + ":" + value))
    assert "trial.json" in reason(run)


FILES = ("trial.json", "marks.jsonl", "manifest.json", "input", "output", "samples", "sends")


def path_of(run: Path, name: str) -> Path:
    path = run / "cases" / CASE / name
    return path if path.is_file() else path / "part-00000.parquet"


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def led_out(path: Path) -> None:
    """The right content, but from elsewhere."""
    moved = path.parents[4] / f"elsewhere-{path.name}"
    path.replace(moved)
    path.symlink_to(moved)


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2 << 30)


@pytest.mark.parametrize("spoil", [pipe, folder, endless, led_out, circle, large])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_plain_file_is_not_read_and_takes_one_case_only(run, name, spoil):
    spoil(path_of(run, name))
    told = reason(run)
    assert path_of(run, name).name in told or name in told


def test_a_folder_of_a_case_that_leads_elsewhere_is_not_followed(run):
    case = run / "cases" / CASE
    case.rename(run.parent / "elsewhere")
    case.symlink_to(run.parent / "elsewhere")
    assert "is not followed" in reason(run)


@pytest.mark.parametrize("length", [300, 5000])
def test_a_name_too_long_for_a_path_takes_one_case_only(run, length):
    changed(run / "plan.json", lambda plan: plan["cases"][0].update(engine="x" * length))
    result = store.judge_run(run)
    assert [case.outcome for case in result.cases] == ["unknown", "unknown", "pass", "pass"]


def test_a_judge_that_crashes_over_one_case_judges_the_others(run, monkeypatch):
    found = store.judge

    def crash(history: Path) -> object:
        if history.name == CASE:
            raise KeyError("planted")
        return found(history)

    monkeypatch.setattr(store, "judge", crash)
    assert "the judge crashed: KeyError" in reason(run)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, since one that hangs is to be ended."""
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.mark.parametrize("spoil", [pipe, endless])
@pytest.mark.parametrize("name", ["plan.json", "result.json"])
def test_commands_end_whatever_the_files_of_the_run_are(run, name, spoil):
    store.save(run, store.judge_run(run))
    spoil(run / name)
    for verb in ("judge", "report") if name == "plan.json" else ("report",):
        done = command(verb, str(run))
        assert "Traceback" not in done.stderr
        assert "not foreseen" not in done.stderr
        if name == "result.json" or verb == "judge":
            assert done.returncode == 2
            assert name in done.stderr
    if name == "result.json":
        assert command("judge", str(run)).returncode == 0, "what stood there is replaced"


def test_a_verdict_is_not_replaced_by_none_where_the_judge_lacks_something(run, monkeypatch, capsys):
    assert cli.execute(["judge", str(run)]) == 0
    kept = (run / "result.json").read_bytes()
    monkeypatch.setattr("results.evidence.regenerated.discover", dict)
    capsys.readouterr()
    assert cli.execute(["judge", str(run)]) == 5
    said = capsys.readouterr().err
    assert "the judge knows no workload 'sensors'" in said
    assert "its result was kept" in said
    assert (run / "result.json").read_bytes() == kept


def test_a_verdict_is_not_replaced_by_none_where_the_judge_crashes(run, monkeypatch):
    assert cli.execute(["judge", str(run)]) == 0
    kept = (run / "result.json").read_bytes()

    def crash(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("results.judge.examine", crash)
    assert cli.execute(["judge", str(run)]) == 5
    assert (run / "result.json").read_bytes() == kept


def test_damage_is_found_after_a_verdict_and_replaces_it(run):
    assert cli.execute(["judge", str(run)]) == 0
    (run / "cases" / CASE / "output" / "part-00001.parquet").unlink()
    assert cli.execute(["judge", str(run)]) == 4
    assert outcomes(store.load(run)) == {"made": {"unknown"}, "other": {"pass"}}


def test_without_a_verdict_before_what_the_judge_lacks_is_said_in_the_result(run, monkeypatch):
    monkeypatch.setattr("results.evidence.regenerated.discover", dict)
    assert cli.execute(["judge", str(run)]) == 4
    assert {case.outcome for case in store.load(run).cases} == {"unknown"}


def test_methods_that_are_mixed_within_a_run_are_said(run):
    history = run / "cases" / CASE
    changed(history / "trial.json", lambda plan: plan.update(method_version=7))
    (history / "manifest.json").unlink()
    for case in store.judge_run(run).cases:
        assert case.outcome == "pass"
        assert f"recorded by method versions 7, {METHOD_VERSION}" in case.reason
