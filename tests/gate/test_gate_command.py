"""The command `gate`, its processes and its judge replaced by made-up ones: what is said, kept and returned."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from harness import cli
from harness.gate import gate_run, repository, session, side, worktree
from harness.gate.repository import git
from harness.gate.side import SideCode
from harness.host import facts
from harness.problem import ExitCode, Problem
from results.gate.accepted import FILE
from results.gate.gate_result import GateResult
from results.result import CaseResult, MetricValue, RunResult
from tests.gate.made_up_trials import CASE, CPU, FIGURES, P99, RATE
from tests.gate.test_repository import commit

ROOT = Path(__file__).parents[2]


@dataclass
class MadeUp:
    """What trials are like. slower: factors of the candidate's figures. outcomes: by side, of all its trials."""

    slower: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    noise: float = 0.01
    method: int = side.METHOD_VERSION
    lacking: str = ""
    made: list[tuple[str, str]] = field(default_factory=list)
    paths: dict[str, list[str]] = field(default_factory=dict)
    after: Callable[[int], None] = lambda _: None

    def record(self, code: SideCode, _suite: Path, unit: Any, _log: str, _words: Any, out: Path) -> Path:
        self.made.append((code.name, unit.engine))
        self.paths[code.name] = code.variables["PYTHONPATH"].split(os.pathsep)
        (out / "run").mkdir(parents=True)
        (out / "run" / "what").write_text(json.dumps([code.name, unit.engine, len(self.made)]))
        self.after(len(self.made))
        return out / "run"

    def judged(self, run: Path) -> RunResult:
        name, engine, number = json.loads((run / "what").read_text())
        draw = np.random.default_rng(number)
        values = {each: value * float(np.exp(draw.normal(0, self.noise))) for each, value in FIGURES.items()}
        if name == "candidate" and engine == "continuous":
            values = {each: value * self.slower.get(each, 1.0) for each, value in values.items()}
        outcome = self.outcomes.get(name, "pass")
        cases = [
            self.case(engine, "paced", outcome, {P99: values[P99]}),
            self.case(engine, "drain", "pass", {CPU: values[CPU], RATE: values[RATE]}),
        ]
        return RunResult(run=run.name, suite="gate", machine=facts.describe(None), cases=cases)

    def case(self, engine: str, phase: Any, outcome: Any, figures: dict[str, float]) -> CaseResult:
        return CaseResult(
            engine=engine, mode="default", workload="sensors", log="embedded", fault="none", guarantee="exactly-once",
            phase=phase, outcome=outcome, reason="a row is missing" if outcome == "fail" else "it stood still",
            trial=f"{engine}.default.sensors",
            metrics={name: MetricValue(value=each, unit="x", better="none") for name, each in figures.items()},
        )  # fmt: skip


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is taken for ours, with two revisions, in which one stands."""
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in (repository.PULL_REQUEST, "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    shutil.copy(ROOT / "uv.lock", folder)
    (folder / ".gitignore").write_text("runs\n*.egg-info\n")
    git(folder, "add", "uv.lock", ".gitignore")
    commit(folder, "one")
    commit(folder, "two")
    monkeypatch.setattr(repository, "ROOT", folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    found = MadeUp()

    def set_up(code: SideCode, _names: object) -> None:
        if found.lacking:
            raise Problem(f"the {code.name} lacks {found.lacking}")

    monkeypatch.setattr(SideCode, "record", lambda self, *words: found.record(self, *words))
    monkeypatch.setattr(SideCode, "set_up", set_up)
    monkeypatch.setattr(SideCode, "method", lambda _: found.method)
    monkeypatch.setattr(side, "compiled", lambda _: None)
    monkeypatch.setattr(gate_run, "judge_run", found.judged)
    monkeypatch.setattr(session.ControlRun, "seconds", lambda _: 0.3)
    return found


def stored(top: Path) -> GateResult:
    (path,) = top.glob("runs/*/gate.json")
    return GateResult.model_validate_json(path.read_text())


def run(*words: str) -> int:
    return cli.execute(["gate", "--seed", "1", "--no-progress", *words])


def test_the_same_code_passes_after_the_screen_and_leaves_every_form(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--baseline", "HEAD") == ExitCode.GOOD
    assert len(made.made) == 2 * 2 * 5
    assert made.made.count(("baseline", "continuous")) == 5
    result = stored(top)
    assert result.verdict == "pass"
    assert result.baseline.commit == result.candidate.commit
    assert [(each.case, each.metric) for each in result.figures[:3]] == [
        (result.figures[0].case, name) for name in (CPU, RATE, P99)
    ]
    (folder,) = top.glob("runs/*")
    kept = {path.name for path in folder.iterdir()}
    assert kept == {"gate.json", "gate.md", "junit.xml", "baseline", "candidate"}
    assert "No regression" in capsys.readouterr().out
    assert list(worktree.folder().iterdir()) == []


def test_each_side_runs_its_own_code(top: Path, made: MadeUp) -> None:
    seen = []
    made.after = lambda _: seen.extend(worktree.folder().glob("*/file"))
    assert run("--baseline", "HEAD~1") == ExitCode.GOOD
    assert made.paths["candidate"][0] == str(side.ROOT)
    baseline = Path(made.paths["baseline"][0])
    assert baseline.parent == worktree.folder()
    assert {path.parent for path in seen} == {baseline}


def test_a_regression_is_tried_again_and_ends_with_1(top: Path, made: MadeUp) -> None:
    made.slower = {CPU: 0.8}
    assert run("--baseline", "HEAD") == ExitCode.REGRESSION
    assert len(made.made) == 2 * 2 * 5 + 2 * 7, "only the flagged case is tried again"
    result = stored(top)
    assert [each.metric for each in result.figures if each.verdict == "regression"] == [CPU]
    assert "Regression: continuous.default.sensors" in result.summary


@pytest.mark.parametrize(
    ("side_", "outcome", "code", "trials"),
    [
        ("candidate", "fail", ExitCode.WRONG_RESULTS, 2),
        ("candidate", "unknown", ExitCode.UNFINISHED, 2),
        ("baseline", "unknown", ExitCode.UNFINISHED, 2),
    ],
)
def test_correctness_comes_first_and_ends_the_gate(
    top: Path, made: MadeUp, side_: str, outcome: str, code: int, trials: int
) -> None:
    made.outcomes, made.slower = {side_: outcome}, {CPU: 0.5}
    assert run("--baseline", "HEAD") == code
    assert len(made.made) <= trials
    result = stored(top)
    assert result.figures == []
    (wrong,) = result.wrong
    assert (wrong.side, wrong.outcome) == (side_, outcome)
    assert (Path(wrong.kept) / "what").exists(), "what was wrong can be looked at"


def test_a_wrong_baseline_does_not_fail_a_right_candidate_but_its_speed_says_nothing(top: Path, made: MadeUp) -> None:
    made.outcomes = {"baseline": "fail"}
    assert run("--baseline", "HEAD") == ExitCode.GOOD
    result = stored(top)
    assert result.verdict == "inconclusive"
    assert {each.verdict for each in result.figures} == {"not compared"}


@pytest.mark.parametrize(
    ("word", "code"), [("--no-progress", 0), ("--strict", ExitCode.INCONCLUSIVE), ("--bisect", 125)]
)
def test_what_is_inconclusive_fails_where_that_is_asked_for(top: Path, made: MadeUp, word: str, code: int) -> None:
    made.outcomes = {"baseline": "fail"}
    assert run("--baseline", "HEAD", word) == code


def test_another_method_version_ends_with_5_before_the_first_trial(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    made.method = 3
    assert run("--baseline", "HEAD") == ExitCode.ENVIRONMENT
    assert made.made == []
    assert "measures by method version 3" in capsys.readouterr().err
    assert list(top.glob("runs/*")) == []
    assert run("--baseline", "HEAD", "--bisect") == 125


def test_what_cannot_be_fetched_is_named_before_the_first_trial(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    made.lacking = "the jars of flink"
    assert run("--baseline", "HEAD") == ExitCode.ENVIRONMENT
    assert made.made == []
    assert "the baseline lacks the jars of flink" in capsys.readouterr().err


def test_minutes_are_said_before(top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    made.after = lambda number: said.append(capsys.readouterr().out) if number == 1 else None
    cli.execute(["gate", "--seed", "1", "--baseline", "HEAD"])
    assert "20 trials on the embedded log, about 6 min" in said[0]
    assert "at most 28 more, about 9 min" in said[0]


@pytest.mark.parametrize("missing", ["nothing", "./nothing", "nothing/"])
def test_without_a_baseline_it_is_a_mistake_unless_that_is_allowed(top: Path, made: MadeUp, missing: str) -> None:
    assert run("--baseline", missing) == ExitCode.USAGE
    assert made.made == []
    assert run("--baseline", missing, "--bisect") == 128
    assert run("--baseline", missing, "--allow-missing-baseline") == ExitCode.GOOD
    assert stored(top).verdict == "first"


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
    path = top / "kept" / "result.json"
    path.write_text(path.read_text().replace(f'"cores": {facts.describe(None).cores}', '"cores": 3000'))
    made.made.clear()
    assert run("--baseline", "./kept") == ExitCode.ENVIRONMENT
    assert made.made == []
    assert "it was made on another machine: cores is 3000" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{}", "[", "null", '{"cases": 1}'])
def test_a_damaged_stored_baseline_is_said_and_nothing_is_tried(top: Path, made: MadeUp, content: str) -> None:
    (top / "kept").mkdir()
    (top / "kept" / "result.json").write_text(content)
    assert run("--baseline", "./kept") == ExitCode.USAGE
    assert made.made == []


def test_a_name_that_is_a_folder_and_a_revision_is_asked_about(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    (top / "main").mkdir()
    assert run("--baseline", "main") == ExitCode.USAGE
    assert "'main' is a folder and a revision" in capsys.readouterr().err
    assert run("--baseline", "refs/heads/main") == ExitCode.GOOD


def test_an_accepted_change_passes_until_its_day(top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]) -> None:
    made.slower = {CPU: 0.8}
    words = ["gate", "accept", CASE, "--until", "2099-01-01", "--reason", "exact sums"]
    assert cli.execute(words) == ExitCode.GOOD
    assert (top / FILE).exists()
    assert run("--baseline", "HEAD") == ExitCode.GOOD
    assert "accepted until 2099-01-01: exact sums" in capsys.readouterr().out
    (top / FILE).write_text((top / FILE).read_text().replace("2099", "2019"))
    assert run("--baseline", "HEAD") == ExitCode.REGRESSION


def test_wrong_rows_are_never_accepted(top: Path, made: MadeUp) -> None:
    made.outcomes = {"candidate": "fail"}
    cli.execute(["gate", "accept", CASE, "--until", "2099-01-01", "--reason", "so"])
    assert run("--baseline", "HEAD") == ExitCode.WRONG_RESULTS


@pytest.mark.parametrize(
    "words",
    [
        ["continuous", "--until", "2099-01-01", "--reason", "so"],
        [CASE, "--until", "tomorrow", "--reason", "so"],
        [CASE, "--until", "2020-01-01", "--reason", "so"],
        [CASE, "--until", "2099-01-01", "--reason", "  "],
        [CASE, "--until", "2099-01-01"],
        [CASE, "--until", "2099-01-01", "--reason", "so", "--figure", "speed"],
        ["a.b.c\x1b", "--until", "2099-01-01", "--reason", "so"],
    ],
)
def test_what_could_not_be_read_later_is_not_accepted(top: Path, words: list[str]) -> None:
    assert cli.execute(["gate", "accept", *words]) == ExitCode.USAGE
    assert not (top / FILE).exists()


def test_a_damaged_file_of_accepted_changes_stops_the_gate(top: Path, made: MadeUp) -> None:
    (top / FILE).write_text("{")
    assert run("--baseline", "HEAD") == ExitCode.USAGE
    assert made.made == []


def test_github_is_told_where_it_runs_there(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert run("--baseline", "HEAD", "--format", "json") == ExitCode.GOOD
    told = capsys.readouterr()
    assert json.loads(told.out)["verdict"] == "pass", "one document and nothing else"
    assert "::notice title=gate::No regression" in told.err
    assert "### Gate" in (tmp_path / "summary.md").read_text()


def test_the_markdown_is_printed_where_it_is_asked_for(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--baseline", "HEAD", "--format", "markdown") == ExitCode.GOOD
    assert capsys.readouterr().out.startswith("### Gate")


def test_an_interruption_leaves_nothing(top: Path, made: MadeUp) -> None:
    def interrupt(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    made.after = interrupt
    assert run("--baseline", "HEAD") == ExitCode.INTERRUPTED
    assert list(top.glob("runs/*")) == []
    assert list(worktree.folder().iterdir()) == []


def test_outside_of_a_repository_a_folder_is_needed(
    made: MadeUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run() == ExitCode.USAGE
    assert "this is no Git repository" in capsys.readouterr().err
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    assert run("--baseline", "./kept") == ExitCode.GOOD


def test_in_a_repository_of_which_nothing_runs_nothing_is_compared(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(repository, "ROOT", ROOT)
    assert run("--baseline", "HEAD") == ExitCode.USAGE
    assert made.made == []
    assert "nothing of this repository would run" in capsys.readouterr().err


def outside(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the repository a package, installed so that it can be edited, whose entry point names a workload."""
    package = top / "src" / "tollgate"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    about = top / "tollgate-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tollgate\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[streamgauge.workloads]\ntolls = tollgate:workload\n")
    for path in (package.parent, top):
        monkeypatch.syspath_prepend(str(path))
    monkeypatch.delitem(sys.modules, "tollgate", raising=False)
    monkeypatch.setattr(repository, "ROOT", ROOT)


def test_in_another_repository_each_side_has_its_package_and_both_our_code(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside(top, monkeypatch)
    git(top, "add", "src")
    commit(top, "package")
    assert run("--baseline", "HEAD") == ExitCode.GOOD
    ours, theirs = made.paths["candidate"][:2]
    assert (ours, theirs) == (str(side.ROOT), str(top / "src"))
    ours, theirs = made.paths["baseline"][:2]
    assert ours == str(side.ROOT)
    assert Path(theirs).name == "src" and Path(theirs).parent.parent == worktree.folder()


def test_a_revision_without_the_package_is_refused_since_python_would_find_the_candidates(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside(top, monkeypatch)
    (top / "src" / "other.py").write_text("")
    git(top, "add", "src/other.py")
    commit(top, "a folder without the package")
    assert run("--baseline", "HEAD") == ExitCode.USAGE
    assert made.made == []
    assert "the baseline has no src/tollgate/__init__.py" in capsys.readouterr().err
    assert list(worktree.folder().iterdir()) == []


def test_a_stored_baseline_may_have_more_cases_than_are_tried(top: Path, made: MadeUp) -> None:
    assert run("--baseline", "./kept", "--allow-missing-baseline") == ExitCode.GOOD
    shutil.rmtree(top / "runs")
    assert run("--baseline", "./kept", "-e", "continuous") == ExitCode.GOOD
    assert {each.case for each in stored(top).figures} == {CASE}


def test_a_result_that_cannot_be_kept_is_told_with_its_exit_code(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made.slower = {CPU: 0.8}

    def full(path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("harness.gate.command.write_whole", full)
    assert run("--baseline", "HEAD") == ExitCode.REGRESSION
    told = capsys.readouterr().err
    assert "Regression: continuous.default.sensors" in told and "No space left" in told


def test_a_summary_that_cannot_be_written_changes_no_verdict(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert run("--baseline", "HEAD") == ExitCode.GOOD


def test_bisect_needs_a_baseline(top: Path, made: MadeUp) -> None:
    assert run("--bisect") == 128


def test_the_junit_document_of_a_gate_is_read(top: Path, made: MadeUp) -> None:
    run("--baseline", "HEAD")
    (path,) = top.glob("runs/*/junit.xml")
    assert ElementTree.parse(path).getroot().tag == "testsuites"  # noqa: S314 - of our own making
