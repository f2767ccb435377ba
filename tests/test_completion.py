"""A shell completes suites, engines, workloads, faults, cases and runs; and never what it would read as a command."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from engines.discovery import discover as discover_engines
from harness.commands import completion
from harness.faults import discover as discover_faults
from harness.planning.suite_files import suites
from workloads.workload import discover as discover_workloads

ROOT = Path(__file__).parent.parent
PROGRAM = "from harness.cli import main; main()"


def offered(typed: str, folder: Path) -> list[str]:
    """What bash is given for the last word of a line."""
    words = typed.split(" ")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "_STREAMGAUGE_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_bash_is_offered_what_exists(tmp_path: Path) -> None:
    assert set(offered("streamgauge run ", tmp_path)) >= set(suites())
    assert offered("streamgauge run quick -e kafka-s", tmp_path) == ["kafka-streams"]
    assert offered("streamgauge run --wor", tmp_path) == ["--workload"]
    assert offered("streamgauge export --to c", tmp_path) == ["csv"]


def test_each_thing_is_offered_by_its_beginning() -> None:
    assert set(completion.suite("")) >= set(suites())
    assert completion.suite("qui") == ["quick"]
    assert set(completion.engine("")) == set(discover_engines())
    assert set(completion.workload("")) == set(discover_workloads())
    assert set(completion.fault("")) == {*discover_faults(), "all"}
    assert set(completion.set_up("")) == {*discover_engines(), "kafka", "all"}
    assert completion.workload("word") == ["word-count"]
    assert completion.engine("nothing-like-it") == []


def test_a_case_is_completed_part_by_part() -> None:
    assert "flink.sql." in completion.case("fl")
    assert completion.case("flink.sql.word") == ["flink.sql.word-count"]


def test_runs_are_offered_newest_first_and_files_of_suites_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.run("") == ["latest"]
    for name in ("2026-01-01T00-00-00_quick_aaaa", "2026-02-01T00-00-00_quick_bbbb", "no-run"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        if name != "no-run":
            (tmp_path / "runs" / name / "plan.json").write_text("{}")
    (tmp_path / "mine.toml").write_text("")
    assert completion.run("") == [
        "latest",
        "runs/2026-02-01T00-00-00_quick_bbbb",
        "runs/2026-01-01T00-00-00_quick_aaaa",
    ]
    assert completion.suite("mi") == ["mine.toml"]


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "`id`", "a;b", "a\nb", "\x1b[31mred", "'"])
def test_a_name_that_a_shell_would_read_as_more_than_a_word_is_not_offered(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / name / "plan.json").write_text("{}")
    (tmp_path / f"{name}.toml").write_text("")
    assert completion.run("") == ["latest"]
    assert not [suite for suite in completion.suite("") if suite.endswith(".toml")]


@pytest.mark.parametrize(("shell", "code", "said"), [("bash", 0, "_STREAMGAUGE_COMPLETE"), ("sh", 2, "not supported")])
def test_the_script_is_that_of_the_shell_that_asks(shell: str, code: int, said: str) -> None:
    # A command behind it, or the shell would become ours.
    line = f"{shlex.join([sys.executable, '-c', PROGRAM, '--show-completion'])}; exit $?"
    done = subprocess.run([shell, "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
