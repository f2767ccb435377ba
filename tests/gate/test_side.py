"""One side of a gate: which environment it runs in, and what becomes of its processes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.gate import side
from harness.gate.side import SideCode, Unit, _conducted, of_ours
from harness.problem import ExitCode, Problem
from harness.provisioning import uv
from harness.provisioning.progress import Lines

ROOT = Path(__file__).parents[2]
TRIAL = Unit("continuous", "sensors")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The projects of which an environment was made."""
    found: list[Path] = []

    def sync(
        _words: Sequence[str], environment: Path, _what: str, _report: Any, project: Path, starter: Sequence[str]
    ) -> None:
        assert list(starter) == side._tied(), "it ends when the gate is killed"
        environment.mkdir(parents=True)
        found.append(project)

    monkeypatch.setattr(uv, "sync", sync)
    return found


def checkout(folder: Path, lock: bytes) -> Path:
    folder.mkdir()
    (folder / "uv.lock").write_bytes(lock)
    return folder


def test_a_revision_with_the_same_lock_file_shares_our_environment(
    home: Path, tmp_path: Path, synced: list[Path]
) -> None:
    made = of_ours(checkout(tmp_path / "a", (ROOT / "uv.lock").read_bytes()), Lines())
    assert (made.python, synced) == (Path(sys.executable), [])
    assert made.variables["STREAMGAUGE_HOME"] == str(home)
    assert made.variables["PYTHONPATH"].split(os.pathsep)[0] == str(tmp_path / "a")


def test_one_with_another_has_its_own_that_is_kept_and_shares_jars_and_caches(
    home: Path, tmp_path: Path, synced: list[Path]
) -> None:
    one, other = (of_ours(checkout(tmp_path / name, b"another"), Lines()) for name in ("a", "b"))
    assert one.python == other.python != Path(sys.executable)
    assert synced == [tmp_path / "a"], "made once for the lock file, whatever the revision"
    store = Path(one.variables["STREAMGAUGE_HOME"])
    assert store != home and store == Path(other.variables["STREAMGAUGE_HOME"])
    assert {path.name: path.resolve() for path in store.iterdir()} == {
        name: home / name for name in ("jars", "cache", "code", "uv", "locks")
    }
    third = of_ours(checkout(tmp_path / "c", b"a third"), Lines())
    assert third.python != one.python and len(synced) == 2


def test_a_revision_without_a_lock_file_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="made from a lock file") as told:
        of_ours(tmp_path, Lines())
    assert told.value.exit_code == ExitCode.ENVIRONMENT


def code(tmp_path: Path, program: str, name: Any = "baseline") -> SideCode:
    """A side whose Python is a shell script."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    return SideCode(name, python, tmp_path, dict(os.environ))


def recorded(made: SideCode, tmp_path: Path) -> Path:
    return made.record(ROOT / "harness" / "suites" / "gate.toml", TRIAL, "embedded", ["trials=1"], tmp_path / "out")


FOUND = 'while [ "$1" != --out ]; do shift; done; mkdir -p "$2/run" && touch "$2/run/plan.json"'


def test_a_trial_is_the_folder_of_its_run_whatever_its_own_judge_said(tmp_path: Path) -> None:
    for number, ends in enumerate((0, 3, 4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert recorded(code(folder, f"{FOUND}; exit {ends}"), folder) == folder / "out" / "run"


@pytest.mark.parametrize(
    ("program", "ends"),
    [
        ("echo 'unknown key `measured`' >&2; exit 2", ExitCode.ENVIRONMENT),
        ("echo 'no jars' >&2; exit 5", ExitCode.ENVIRONMENT),
        ("exit 0", ExitCode.UNFINISHED),
        ("kill -9 $$", ExitCode.UNFINISHED),
        (f"{FOUND}; exit 130", ExitCode.UNFINISHED),
    ],
)
def test_no_trial_is_told_with_what_its_process_said_last(tmp_path: Path, program: str, ends: int) -> None:
    with pytest.raises(Problem, match="the baseline made no trial of continuous with sensors") as told:
        recorded(code(tmp_path, program), tmp_path)
    assert told.value.exit_code == ends
    if "measured" in program:
        assert "unknown key `measured`" in told.value.what
        assert "choose a revision that can run the suite" in told.value.remedy


def test_what_a_side_lacks_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="the baseline lacks what its engines need: error: no network"):
        code(tmp_path, "echo 'error: no network' >&2; exit 5").set_up(["flink"])
    code(tmp_path, "exit 0").set_up(["flink"])


@pytest.mark.parametrize("program", ["echo none", "echo '\"9\"'", "exit 1", "echo 9; exit 1", "echo '[9]'"])
def test_code_that_does_not_say_its_method_does_not_run_here(tmp_path: Path, program: str) -> None:
    with pytest.raises(Problem, match="the code of the baseline does not run here"):
        code(tmp_path, program).method()
    assert code(tmp_path, "echo 9").method() == 9


def test_a_process_that_does_not_end_when_it_is_asked_to_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side, "_ENDS_S", 0.5)
    made = code(tmp_path, f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done")
    began_s = time.monotonic()
    done = _conducted([str(made.python)], made, None, 1.0)
    assert done.code == ExitCode.UNFINISHED and "did not end within 1 s" in done.last
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()
    assert time.monotonic() - began_s < 60


def test_what_is_asked_to_end_may_do_so_in_its_own_way(tmp_path: Path) -> None:
    made = code(tmp_path, f"trap 'echo ended > {tmp_path}/said; exit 130' TERM; while :; do sleep 0.05; done")
    _conducted([str(made.python)], made, None, 1.0)
    assert (tmp_path / "said").read_text() == "ended\n"
