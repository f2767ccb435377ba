"""Real gates of a copy of the code, with trials as short as they get: planted faults, other methods, interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.gate.repository import git
from harness.problem import ExitCode
from results.gate.gate_result import GateResult
from results.history import METHOD_VERSION
from tests.gate.test_repository import NAMED
from tests.test_interruption import END_S, START_S, SUITE
from tests.test_planted_faults import Plant, _checkout
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

GATE_S = 300.0
DROPPER = Plant(
    "self._process(self, self._shape, events)",
    "self._process(self, self._shape, [e for e in events if 1_345 not in msgspec.structs.astuple(e)])",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout of the code, committed, with a short suite."""
    folder = tmp_path / "tree"
    folder.mkdir()
    _checkout(folder, SUITE, {})
    (folder / ".gitignore").write_text("__pycache__\nhome\nruns\n*.egg-info\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, *NAMED, "commit", "-q", "-m", "all")
    return folder


def start(tree: Path, *words: str) -> subprocess.Popen[str]:
    told = ("PYTHONPATH", str(tree)), ("STREAMGAUGE_HOME", str(tree / "home")), ("GITHUB_BASE_REF", "")
    command = [sys.executable, "-P", "-m", "harness.cli", "gate", "--baseline", "HEAD", "--suite", "small.toml"]
    return subprocess.Popen(
        [*command, "-e", "continuous", *words],
        cwd=tree,
        env=os.environ | dict(told),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def replace(tree: Path, file: str, old: str, new: str) -> None:
    path = tree / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def processes(tree: Path) -> Iterator[int]:
    """Those that have the copy's path in their environment, dead ones excepted."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.fsencode(tree) in (entry / "environ").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


def result(tree: Path) -> GateResult:
    (path,) = tree.glob("runs/*/gate.json")
    return GateResult.model_validate_json(path.read_text())


def worktrees(tree: Path) -> list[Path]:
    return [path for path in (tree / "home" / "worktrees").glob("*") if path.is_dir()]


def test_a_dropped_row_ends_the_gate_with_3_and_the_baseline_is_right(tree: Path) -> None:
    replace(tree, "engines/continuous/operator.py", DROPPER.sound, DROPPER.faulty)
    out, err = (child := start(tree)).communicate(timeout=GATE_S)
    assert child.returncode == ExitCode.WRONG_RESULTS, out + err
    found = result(tree)
    assert {each.side for each in found.wrong} == {"candidate"}
    assert found.candidate.dirty
    assert found.figures == []
    assert worktrees(tree) == []
    assert not list(processes(tree))
    assert (Path(tree, found.wrong[0].kept) / "cases").is_dir()


def test_a_revision_of_another_method_is_not_compared(tree: Path) -> None:
    now, next_one = (f"METHOD_VERSION = {version}\n" for version in (METHOD_VERSION, METHOD_VERSION + 1))
    replace(tree, "results/history.py", now, next_one)
    out, err = (child := start(tree)).communicate(timeout=GATE_S)
    assert child.returncode == ExitCode.ENVIRONMENT, out + err
    assert f"the baseline measures by method version {METHOD_VERSION}, and this code by {METHOD_VERSION + 1}" in err
    assert worktrees(tree) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=str)
def test_a_gate_that_is_ended_leaves_no_process_and_no_half_result(tree: Path, number: signal.Signals) -> None:
    child = start(tree)
    try:
        wait_until(lambda: any(tree.glob("runs/*/trials/*/*/cases/*/marks.jsonl")), START_S, "the first trial")
        child.send_signal(number)
        out, err = child.communicate(timeout=END_S)
    finally:
        child.kill()
    wait_until(lambda: not list(processes(tree)), END_S, "every process of the gate to end")
    assert child.returncode == (-signal.SIGKILL if number == signal.SIGKILL else ExitCode.INTERRUPTED), out + err
    assert "Traceback" not in err
    assert not list(tree.glob("runs/*/gate.json"))
    if number != signal.SIGKILL:
        assert worktrees(tree) == []
        assert not list(tree.glob("runs/*"))
        return
    assert len(worktrees(tree)) == 1
    again = start(tree, "--set", "paced.rate=nonsense")
    again.communicate(timeout=GATE_S)
    assert again.returncode == ExitCode.USAGE
    assert worktrees(tree) == [], "the next call removes it, whatever becomes of that"
