"""Gates against trials that are kept in a folder, and the first one, which keeps them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.host import facts
from harness.problem import ExitCode
from results.history import METHOD_VERSION
from results.plan import Checkout
from results.provenance import started
from results.result import MetricValue
from results.store import load, save
from tests import made_up
from tests.gate.made_up_sides import MadeUp, run, stored
from tests.gate.made_up_trials import CASE, CPU, P99, RATE


@pytest.mark.parametrize("missing", ["nothing", "./nothing", "nothing/"])
def test_without_a_baseline_it_is_a_mistake_unless_that_is_allowed(top: Path, made: MadeUp, missing: str) -> None:
    assert run("--baseline", missing) == ExitCode.USAGE
    assert made.made == []
    assert run("--baseline", missing, "--bisect") == 128
    assert run("--baseline", missing, "--allow-missing-baseline") == ExitCode.GOOD
    first = stored(top)
    assert first.verdict == "first"
    (notice,) = first.notices
    later = notice.removeprefix("Later gates compare with it by --baseline ").removesuffix(".")
    assert (Path(later) / "result.json").exists()


def test_a_first_run_stores_a_baseline_that_later_ones_compare_with(top: Path, made: MadeUp) -> None:
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    assert (top / "kept" / "result.json").exists()
    shutil.rmtree(top / "runs")
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    same = stored(top)
    assert (same.verdict, same.baseline.kind) == ("pass", "folder")
    assert any("made at another time" in each for each in same.notices)
    shutil.rmtree(top / "runs")
    made.slower = {RATE: 0.7}
    assert run("--baseline", "./kept") == ExitCode.REGRESSION
    assert run("--baseline", str(next(top.glob("runs/*")))) in (ExitCode.GOOD, ExitCode.INCONCLUSIVE), "of a gate"


def test_a_wrong_first_run_is_no_baseline(top: Path, made: MadeUp) -> None:
    made.outcomes = {"candidate": "fail"}
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.WRONG_RESULTS
    assert not (top / "kept").exists()


def test_a_stored_baseline_of_another_machine_is_not_compared(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--baseline", "./kept", "--allow-missing-baseline")
    kept, here = load(top / "kept"), facts.describe(None)
    for name, value in (("cpu", "another"), ("cores", 3000), ("memory_bytes", 2 * here.memory_bytes)):
        save(top / "kept", kept.model_copy(update={"machine": here.model_copy(update={name: value})}))
        made.made.clear()
        assert run("--baseline", "./kept") == ExitCode.ENVIRONMENT
        assert made.made == []
        assert f"it was made on another machine: {name} is {value}" in capsys.readouterr().err
    another_kernel = {"memory_bytes": here.memory_bytes - 2**20, "kernel": "9"}
    save(top / "kept", kept.model_copy(update={"machine": here.model_copy(update=another_kernel)}))
    assert run("--baseline", "./kept") == ExitCode.GOOD


@pytest.mark.parametrize("content", ["", "{}", "[", "null", '{"cases": 1}'])
def test_a_damaged_stored_baseline_is_said_and_nothing_is_tried(top: Path, made: MadeUp, content: str) -> None:
    (top / "kept").mkdir()
    (top / "kept" / "result.json").write_text(content)
    assert run("--baseline", "./kept") == ExitCode.USAGE
    assert made.made == []


def test_outside_of_a_repository_a_folder_is_needed(
    made: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run() == ExitCode.USAGE
    assert "this is no Git repository" in capsys.readouterr().err
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    assert run("--baseline", "./kept") == ExitCode.GOOD


def test_a_stored_baseline_may_have_more_cases_than_are_tried(top: Path, made: MadeUp) -> None:
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    shutil.rmtree(top / "runs")
    assert run("--baseline", "./kept", "-e", "continuous") == ExitCode.GOOD
    assert {each.case for each in stored(top).figures} == {CASE}


def test_an_empty_folder_is_no_baseline_yet(top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]) -> None:
    """As a cache leaves it that had nothing to restore."""
    (top / "kept").mkdir()
    assert run("--baseline", "./kept") == ExitCode.USAGE
    assert "the folder has no result of trials" in capsys.readouterr().err
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    assert run("--baseline", "./kept") == ExitCode.GOOD


def test_trials_that_were_asked_otherwise_are_not_compared(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = made.asked = made_up.plan("continuous", method_version=METHOD_VERSION)
    assert run("--baseline", "./kept", "--allow-missing-baseline", "-e", "continuous") == ExitCode.GOOD
    made.asked = plan.model_copy(update={"interval_ms": plan.interval_ms + 1})
    made.made.clear()
    assert run("--baseline", "./kept", "-e", "continuous") == ExitCode.ENVIRONMENT
    assert len(made.made) == 1
    told = capsys.readouterr().err
    assert f"`interval_ms` of {CASE} was {plan.interval_ms} and is {plan.interval_ms + 1}" in told


def test_trials_of_another_revision_are_compared_and_tell_of_which_code_they_are(top: Path, made: MadeUp) -> None:
    """What a stored baseline is for: the code has changed since then, and what it says of itself may have."""
    then, now = (Checkout(commit=sign * 40, dirty=sign == "b") for sign in "ab")
    plan = made.asked = made_up.plan("continuous", method_version=METHOD_VERSION, checkout=then, roles=("worker",))
    assert run("--baseline", "./kept", "--allow-missing-baseline", "-e", "continuous") == ExitCode.GOOD
    told = load(top / "kept").provenance
    assert (told.checkout, told.versions, told.started) == (then, plan.versions, started(plan))
    shutil.rmtree(top / "runs")
    versions = {"streamgauge": "0.2.0", "continuous": "2"}
    later = {"checkout": now, "roles": ("worker", "coordinator"), "versions": versions}
    made.asked = plan.model_copy(update=later)
    assert run("--baseline", "./kept", "-e", "continuous") == ExitCode.GOOD
    found = stored(top)
    assert found.verdict == "pass"
    assert any("ran with continuous 1.2.3 on the baseline's side, and with 2" in each for each in found.notices)


@pytest.mark.parametrize(("rate", "latency"), [(1e308, 5e-324), (5e-324, 1e308), (0, -1), (-1, 0)])
def test_figures_of_a_stored_baseline_that_cannot_be_are_not_compared(
    top: Path, made: MadeUp, rate: float, latency: float
) -> None:
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    kept = load(top / "kept")
    odd = {CPU: rate, RATE: rate, P99: latency}
    cases = [
        case.model_copy(
            update={"metrics": {name: MetricValue(value=odd[name], unit="x", better="none") for name in case.metrics}}
        )
        for case in kept.cases
    ]
    save(top / "kept", kept.model_copy(update={"cases": cases}))
    shutil.rmtree(top / "runs")
    assert run("--baseline", "./kept") == ExitCode.GOOD
    assert run("--baseline", "./kept", "--strict", "--out", "strict") == ExitCode.INCONCLUSIVE
    found = stored(top).figures
    assert {each.verdict for each in found} == {"not compared"}
    assert found[0].why == f"too few trials have it: the baseline lacks it: of {rate:g} no share can be told"


def test_trials_of_another_method_are_not_compared(top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]) -> None:
    made.asked = made_up.plan("continuous", method_version=4)
    assert run("--baseline", "./kept", "--allow-missing-baseline", "-e", "continuous") == ExitCode.GOOD
    made.made.clear()
    assert run("--baseline", "./kept", "-e", "continuous") == ExitCode.ENVIRONMENT
    assert made.made == []
    assert "it was made by method version 4" in capsys.readouterr().err
