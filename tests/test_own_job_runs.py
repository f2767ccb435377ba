"""Programs of others, run over a real broker: an honest one passes, one that claims too much is convicted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness import cli
from harness.problem import ExitCode
from tests.job_files import EXAMPLES

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("own-jobs")]


def checked(file: Path, tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.execute(["job", "check", str(file), "--kafka", broker, "--out", str(tmp_path / "runs")])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("name", ["pipe-exactly-once", "pipe-at-least-once", "fees"])
def test_an_honest_program_passes_its_check(
    name: str, tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = checked(EXAMPLES / f"{name}.toml", tmp_path, broker, capsys)
    assert code == ExitCode.GOOD, told
    assert "✓ answers right" in told
    assert "✓ survives a kill" in told


def test_a_program_that_commits_before_it_writes_is_convicted(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # It is away between commit and write for most of the time, so that four kills cannot all fall elsewhere.
    shutil.copy(EXAMPLES / "pipe-careless.toml", tmp_path)
    program = (EXAMPLES / "pipe.py").read_text()
    (tmp_path / "pipe.py").write_text(
        program.replace("time.sleep(self.interval_s / 2)", "time.sleep(3 * self.interval_s)")
    )
    assert (tmp_path / "pipe.py").read_text() != program
    words = ["run", "strike", "--job", str(tmp_path / "pipe-careless.toml"), "--kafka", broker]
    values = ["paced.warmup=3s", "paced.measured=75s", "faults.exposed=4", "faults.most=5", "faults.timeouts=tuned"]
    settings = [word for value in values for word in ("--set", value)]
    code = cli.execute([*words, *settings, "--out", str(tmp_path / "runs"), "--no-progress"])
    told = capsys.readouterr().out
    assert code == ExitCode.WRONG_RESULTS, told
    assert "loss" in told


def test_a_program_that_writes_nothing_is_said_to_answer_nothing(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trial.PATIENCE_S", 3.0)
    file = tmp_path / "idle.toml"
    text = (EXAMPLES / "pipe-at-least-once.toml").read_text()
    idle = "import time; print('idle', flush=True); time.sleep(600)"
    text = text.replace('"pipe.py", "at-least-once"', f'"-c", "{idle}"').replace(
        'group = "{group}" }\nprogress', 'line = "idle" }\nprogress'
    )
    # Progress of a group would be waited for before anything is asked.
    file.write_text(re.sub(r"\nprogress = .*", "", text))
    code, told = checked(file, tmp_path, broker, capsys)
    assert code == ExitCode.UNFINISHED, told
    assert "✗ answers right: no." in told
    assert "first answer" in told, told
    assert "its logs:" in told
