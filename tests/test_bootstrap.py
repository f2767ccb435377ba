"""./bench and ./test from a bare checkout, with a stand-in for uv that makes a stand-in environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("bench", "test", ".ci/run", "harness/bootstrap.sh")

UV = """#!/bin/sh
[ "$1" = --version ] && { echo "uv 99.0.0"; exit; }
echo "$*" >> "$UV_CALLS"
[ -z "${UV_SLEEPS:-}" ] || exec sleep "$UV_SLEEPS"
[ -z "${UV_FAILS:-}" ] || { echo "error: $UV_FAILS" >&2; exit 2; }
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
cp "$STANDINS"/* "$UV_PROJECT_ENVIRONMENT/bin"
"""

STREAMGAUGE = """#!/bin/sh
printf '%s:' "$@"
echo " in $(pwd)"
exit "${ENDS_WITH:-0}"
"""

TOOL = """#!/bin/sh
echo "ran $(basename "$0")$(printf ' [%s]' "$@")"
case " ${FAILING:-} " in *" $(basename "$0") "*) exit 1;; esac
"""


class Checkout:
    """A checkout in a folder with a space in its name, and what was asked of uv."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.calls_file = folder / "calls"
        standins, tools = folder / "standins", folder / "tools"
        (self.root / "harness").mkdir(parents=True)
        (self.root / ".ci").mkdir()
        for script in SCRIPTS:
            shutil.copy(ROOT / script, self.root / script)
        for name in ("__init__.py", "problem.py"):
            shutil.copy(ROOT / "harness" / name, self.root / "harness" / name)
        shutil.copytree(ROOT / "harness/provisioning", self.root / "harness/provisioning")
        (self.root / "results").mkdir()
        for name in ("__init__.py", "folder.py", "printable.py"):
            shutil.copy(ROOT / "results" / name, self.root / "results" / name)
        shutil.copy(ROOT / "pyproject.toml", self.root)
        (self.root / "uv.lock").write_text("one\n")
        for place, name, text in [
            (tools, "uv", UV),
            (standins, "streamgauge", STREAMGAUGE),
            *((standins, name, TOOL) for name in ("python", "ruff", "mypy", "lint-imports", "pytest")),
        ]:
            place.mkdir(exist_ok=True)
            (place / name).write_text(text)
            (place / name).chmod(0o755)
        (tools / "python3").symlink_to(sys.executable)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMGAUGE_", "UV_"))}
        self.environment = kept | {
            "PATH": f"{tools}:/usr/bin:/bin",
            "UV_CALLS": str(self.calls_file),
            "STANDINS": str(standins),
        }

    def run(self, *words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / words[0]), *words[1:]],
            cwd=cwd or self.root,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_plain_shell(script: str):
    subprocess.run(["sh", "-n", ROOT / script], check=True)


def test_bench_alone_runs_the_main_job_and_hands_on_arguments_otherwise(checkout: Checkout):
    assert checkout.run("bench").stdout.startswith("run:quick: in ")
    assert checkout.run("bench", "report", "a b", "").stdout.startswith("report:a b:: in ")


def test_a_shell_that_asks_for_completions_is_not_kept_waiting_until_all_is_brought(checkout: Checkout):
    done = checkout.run("bench", _BENCH_COMPLETE="complete_bash")
    assert (done.returncode, done.stdout, checkout.calls) == (0, "", [])


def test_bench_keeps_the_callers_folder_and_hands_on_the_exit_code(checkout: Checkout, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("harness", "tomllib"):  # What is called like a module of ours or of Python's must not stand in for it.
        (elsewhere / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    ended = checkout.run("bench", cwd=elsewhere, ENDS_WITH="3")
    assert (ended.returncode, ended.stdout) == (3, f"run:quick: in {elsewhere}\n")


def test_environment_is_made_once_from_the_lock_and_again_when_the_lock_changes(checkout: Checkout):
    checkout.run("bench")
    checkout.run("bench")
    assert len(checkout.calls) == 1
    assert checkout.calls[0].startswith("sync --frozen ")
    assert "--no-dev --inexact" in checkout.calls[0]
    (checkout.root / "uv.lock").write_text("two\n")
    checkout.run("bench")
    assert len(checkout.calls) == 2


def test_bench_and_test_by_turns_do_not_remake_the_environment(checkout: Checkout):
    for script in ("bench", "test", "bench", "test"):
        assert checkout.run(script).returncode == 0
    assert len(checkout.calls) == 2
    assert "--no-dev" not in checkout.calls[1]


def test_the_environment_of_the_tests_serves_bench(checkout: Checkout):
    for script in ("test", "bench"):
        assert checkout.run(script).returncode == 0
    assert len(checkout.calls) == 1


def test_a_signal_during_installation_leaves_nothing_running(checkout: Checkout, tmp_path: Path):
    checkout.environment["UV_SLEEPS"] = "600"
    with subprocess.Popen([checkout.root / "bench"], env=checkout.environment, stderr=subprocess.DEVNULL) as bench:
        wait_until(lambda: checkout.calls, awaited="uv to be called")
        children = psutil.Process(bench.pid).children(recursive=True)
        assert children
        bench.terminate()
        assert bench.wait(30) == 130
        assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout):
    checkout.run("bench")
    (checkout.root / ".venv" / "old").touch()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    assert checkout.run("bench").returncode == 0
    assert len(checkout.calls) == 2
    assert not (checkout.root / ".venv" / "old").exists()


def test_a_failed_installation_says_why_and_is_tried_again(checkout: Checkout):
    ended = checkout.run("bench", UV_FAILS="the index cannot be reached")
    assert ended.returncode == 5
    assert "the index cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr
    bisecting = ("bench", "gate", "--baseline", "good", "--bisect")
    assert checkout.run(*bisecting, UV_FAILS="the index cannot be reached").returncode == 125
    assert checkout.run("bench").returncode == 0


def test_without_a_fit_python_it_says_what_to_install(checkout: Checkout, tmp_path: Path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for tool in ("sh", "dirname", "cat", "cmp"):
        (bare / tool).symlink_to(str(shutil.which(tool)))
    (bare / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\nexit 1\n')
    (bare / "python3").chmod(0o755)
    assert checkout.run("bench", "gate", "--bisect", PATH=str(bare)).returncode == 125
    ended = checkout.run("bench", PATH=str(bare))
    assert ended.returncode == 5
    assert "no Python 3.11, 3.12, 3.13 or 3.14" in ended.stderr
    assert "Python 3.9.2" in ended.stderr
    assert "install" in ended.stderr


def test_checks_run_before_pytest_whose_line_comes_last(checkout: Checkout):
    ended = checkout.run("test", "-k", "a b")
    ran = [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("ran ")]
    assert ended.returncode == 0
    assert ran == ["ruff", "ruff", "mypy", "lint-imports", "python", "pytest"]
    assert ended.stdout.splitlines()[-1] == "ran pytest [-k] [a b]"


@pytest.mark.parametrize("tool", ["ruff", "mypy", "lint-imports", "pytest"])
def test_any_failed_check_fails_the_whole_and_pytest_runs_all_the_same(checkout: Checkout, tool: str):
    ended = checkout.run("test", FAILING=tool)
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1] == "ran pytest [-m] [java] [-n] [2] [--dist] [loadgroup]"
    assert f"   {tool}" in ended.stdout


def test_the_fast_tests_run_before_the_engines(checkout: Checkout):
    ended = checkout.run("test")
    ran = [line for line in ended.stdout.splitlines() if line.startswith("ran pytest")]
    assert ran == [
        "ran pytest [-m] [not java] [-n] [3] [--dist] [loadgroup]",
        "ran pytest [-m] [java] [-n] [2] [--dist] [loadgroup]",
    ]


def test_without_a_jdk_the_tests_that_need_one_are_left_out(checkout: Checkout):
    ended = checkout.run(".ci/run", FAILING="python")  # The module that sees to the JDK.
    assert ended.stdout.splitlines()[-1] == "ran pytest [-m] [not java] [-n] [3] [--dist] [loadgroup]"
