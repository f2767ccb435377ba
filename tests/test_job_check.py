"""What `job check` keeps and says. Its runs themselves are in tests/test_own_job_runs.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import cli, run
from harness.commands import job_command
from harness.problem import ExitCode, Problem
from results.plan import RunPlan
from tests.job_files import EXAMPLES
from tests.made_up import pair


def test_a_check_that_ends_before_it_began_keeps_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []

    def ends(_plan: RunPlan, _tools: object, folder: Path, *_: object) -> None:
        tried.append(folder)
        raise Problem("no Kafka broker answers", "127.0.0.1:9", "start it")

    monkeypatch.setattr(run, "execute", ends)
    file = EXAMPLES / "pipe-at-least-once.toml"
    words = ["job", "check", str(file), "--kafka", "127.0.0.1:9", "--out", str(tmp_path)]
    assert cli.execute(words) == ExitCode.ENVIRONMENT
    assert tried
    assert not list(tmp_path.iterdir())


def test_why_a_check_failed_is_said_without_what_is_noted_of_speeds() -> None:
    case = pair("mine", outcome="fail", notes=["the broker's JVM was cold"])[0]
    case = case.model_copy(update={"reason": f"loss (193 rows); {case.notes[0]}"})
    assert next(job_command._lines(case, Path("logs"))) == "✗ answers right: no. loss (193 rows)"
