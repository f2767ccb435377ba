"""Programs over libraries of others, under the strikes of the suite `ci`: the verdict is as it was found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import cli
from harness.problem import ExitCode
from results import store
from results.result import CaseResult
from tests.job_files import EXAMPLES

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("jobs-of-others")]


@dataclass(frozen=True)
class Found:
    """What became of a run: how the command ended, what it printed, and its one case."""

    code: int
    told: str
    case: CaseResult


def struck(name: str, folder: Path, broker: str, capsys: pytest.CaptureFixture[str]) -> Found:
    out = folder / "runs"
    words = ["run", "ci", "--job", str(EXAMPLES / f"{name}.toml"), "--kafka", broker, "--no-progress"]
    code = cli.execute([*words, "--out", str(out)])
    told = capsys.readouterr()
    (run,) = out.iterdir()
    (case,) = store.load(run).cases
    return Found(code, f"{told.out}{told.err}", case)


def exactly_once(found: Found) -> None:
    """Holds that all was right, and that something was at stake when it was struck."""
    case = found.case
    assert (found.code, case.outcome) == (ExitCode.GOOD, "pass"), f"{case.reason}\n{found.told}"
    assert case.verdict.match > 0
    assert case.verdict.duplicate == 0
    assert any(strike.exposed for strike in case.strikes)


@pytest.mark.parametrize("name", ["quix-exactly-once", "java-client"])
def test_records_and_offsets_in_one_transaction_are_exactly_once(
    name: str, tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exactly_once(struck(name, tmp_path, broker, capsys))


def test_a_mirror_whose_offsets_are_in_a_topic_is_exactly_once(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exactly_once(struck("mirror-maker", tmp_path, broker, capsys))


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go compiler here: no `go` on the PATH")
def test_a_program_in_go_is_exactly_once(tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    exactly_once(struck("go-client", tmp_path, broker, capsys))


def test_offsets_behind_the_records_are_at_least_once(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = struck("quix-at-least-once", tmp_path, broker, capsys)
    assert (found.code, found.case.outcome) == (ExitCode.GOOD, "pass"), f"{found.case.reason}\n{found.told}"
    # It claims no more, since a kill makes it write some again.
    assert found.case.verdict.duplicate > 0
    assert any(strike.exposed for strike in found.case.strikes)
