"""The command `gate`, its processes and its judge replaced by made-up ones: what is said, kept and returned."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness import cli
from harness.gate import repository, side, worktree
from harness.gate.repository import git
from harness.problem import ExitCode, Problem
from harness.provisioning import uv
from tests.gate.made_up_sides import MadeUp, run, stored
from tests.gate.made_up_trials import CPU, P99, RATE
from tests.gate.test_repository import commit

ROOT = Path(__file__).parents[2]


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
    made.after = lambda number: said.append(capsys.readouterr().out) if number <= 2 else None
    cli.execute(["gate", "--seed", "1", "--baseline", "HEAD"])
    assert "trial 1 of 20" in said[0] and "about 7 min left" in said[0]
    assert "trial 2 of 20" in said[1] and "about 0 min left" in said[1], "trials that are made up take no time"
    assert "20 trials on the embedded log, about 8 min" in said[0]
    assert "at most 28 more, about 10 min" in said[0]


def test_a_name_that_is_a_folder_and_a_revision_is_asked_about(
    top: Path, made: MadeUp, capsys: pytest.CaptureFixture[str]
) -> None:
    (top / "main").mkdir()
    assert run("--baseline", "main") == ExitCode.USAGE
    assert "'main' is a folder and a revision" in capsys.readouterr().err
    assert run("--baseline", "refs/heads/main") == ExitCode.GOOD


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


def changed_meanwhile(top: Path, made: MadeUp, file: Path) -> None:
    def change(number: int) -> None:
        if number == 3:
            file.write_text(file.read_text() + "\n# more\n")

    made.after = change
    assert run("--baseline", "HEAD", "--suite", "mine.toml") == ExitCode.UNFINISHED
    assert len(made.made) == 3
    assert list(top.glob("runs/*")) == []
    assert list(worktree.folder().iterdir()) == []


def test_trials_on_code_that_was_changed_meanwhile_come_to_nothing(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = top / "mine.toml"
    suite.write_text((ROOT / "harness" / "suites" / "gate.toml").read_text())
    changed_meanwhile(top, made, suite)
    made.made.clear()
    outside(top, monkeypatch)
    git(top, "add", "src")
    commit(top, "package")
    package = top / "src" / "tollgate" / "__init__.py"
    changed_meanwhile(top, made, package)
    told = capsys.readouterr().err
    assert told.count("a file was changed while its code was tried") == 2
    assert str(suite) in told and str(package) in told


def test_a_baseline_whose_environment_cannot_be_made_ends_with_5_and_leaves_no_worktree(
    top: Path, made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (top / "uv.lock").write_text("another")
    git(top, "add", "uv.lock")
    commit(top, "other packages")

    def sync(*_: object) -> None:
        raise Problem("uv could not make the environment of the baseline: no network")

    monkeypatch.setattr(uv, "sync", sync)
    assert run("--baseline", "HEAD") == ExitCode.ENVIRONMENT
    assert run("--baseline", "HEAD", "--bisect") == 125
    assert made.made == []
    assert "could not make the environment of the baseline: no network" in capsys.readouterr().err
    assert list(worktree.folder().iterdir()) == []
    assert list(top.glob("runs/*")) == []


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
