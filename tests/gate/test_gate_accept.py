"""The command `gate accept`, and what it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import cli
from harness.problem import ExitCode
from results.gate.accepted import FILE
from tests.gate.made_up_sides import MadeUp, run
from tests.gate.made_up_trials import CASE, CPU


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
