"""The plug-in for other people's tests runs the command, and a test is green only if every case passed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from engines import proc
from results.public import document
from results.result import CaseResult, RunResult
from tests import made_up
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "integrations" / "pytest-streamgauge"

STAND_IN = """
import json, pathlib, sys
print(pathlib.Path({document!r}).read_text())
print(json.dumps(sys.argv[1:]), file=open({called!r}, "w"))
print("said aside", file=sys.stderr)
sys.exit({code})
"""
GREEN_IF_RIGHT = "def test_it(streamgauge):\n    streamgauge.run('quick', engine='flink').must_pass()\n"


class Bench:
    """A folder with a test, and a stand-in for the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, run: RunResult | str, code: int = 0) -> None:
        """The command prints this result, or text, and ends with this code."""
        text = run if isinstance(run, str) else json.dumps(document(run, Path("runs/r")))
        (self.folder / "document.json").write_text(text)
        filled = STAND_IN.format(
            document=str(self.folder / "document.json"), called=str(self.folder / "called.json"), code=code
        )
        (self.folder / "stand_in.py").write_text(filled)

    @property
    def called(self) -> list[str]:
        words = json.loads((self.folder / "called.json").read_text())
        return [str(word) for word in words]

    def pytest(self, test: str, *words: str, named: bool = True) -> subprocess.CompletedProcess[str]:
        (self.folder / "test_it.py").write_text(test)
        command = f"{sys.executable} stand_in.py"
        more = [f"--streamgauge-command={command}"] if named else []
        return subprocess.run(
            [*self.pytest_command(), *more, *words], cwd=self.folder, env=self.env(), capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def pytest_command(self) -> list[str]:
        # Strict, as a project may be: a warning of ours would fail its tests.
        return [sys.executable, "-m", "pytest", "-p", "pytest_streamgauge", "-W", "error", "-o", "addopts=", "-rA"]

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("STREAMGAUGE_COMMAND", "PYTHONPATH")}
        # A root for temporary folders of its own: two that clear the same one away at once warn each other.
        own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_DEBUG_TEMPROOT": str(self.folder)}
        return kept | own | {"PYTHONPATH": str(PLUGIN), "PATH": "/usr/bin:/bin"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return Bench(tmp_path)


def of(*cases: list[CaseResult]) -> RunResult:
    return RunResult(run="r", suite="s", machine=made_up.MACHINE, cases=[case for pair in cases for case in pair])


def marked(cases: list[CaseResult]) -> list[CaseResult]:
    """The same with a p99 in brackets."""
    value = cases[0].metrics["latency_p99"].model_copy(update={"bracketed": ["the machine was busy"]})
    return [cases[0].model_copy(update={"metrics": cases[0].metrics | {"latency_p99": value}}), cases[1]]


def test_a_run_that_passed_is_green_and_its_figures_are_properties_of_the_test(bench: Bench) -> None:
    bench.command(of(marked(made_up.pair("flink", mode="sql"))))
    done = bench.pytest(GREEN_IF_RIGHT, "--junitxml=out.xml")
    assert done.returncode == 0, done.stdout
    root = ElementTree.parse(bench.folder / "out.xml")  # noqa: S314  # pytest made it
    properties = {one.get("name"): one.get("value") or "" for one in root.iter("property")}
    assert properties["streamgauge.run"] == "runs/r"
    assert properties["flink (sql).sensors.drain.drain_rate"] == "500000 events/s"
    assert properties["flink (sql).sensors.paced.latency_p99"].endswith("in brackets: the machine was busy")
    assert properties["flink (sql).sensors.paced.latency_p99"].startswith("(")
    assert not any(name and name.endswith("latency_closings") for name in properties)
    assert "said aside" in done.stdout


def test_what_is_asked_becomes_the_words_of_the_command(bench: Bench) -> None:
    bench.command(of(made_up.pair("flink")))
    test = """
def test_it(streamgauge):
    run = streamgauge.run("mine.toml", engine=["flink", "spark"], workload="sensors", log="kafka",
        settings={"paced.rate": 10, "own_interval": True, "settings": ["plain"]}, arguments=["--strict"])
    run.must_pass()
"""
    assert bench.pytest(test).returncode == 0
    asked = ["run", "mine.toml", "-e", "flink", "-e", "spark", "-w", "sensors", "--log", "kafka"]
    asked += ["--set", "paced.rate=10", "--set", "own_interval=true", "--set", 'settings=["plain"]', "--strict"]
    assert bench.called[: len(asked)] == asked
    assert bench.called[len(asked) : -1] == ["--format", "json", "--no-progress", "--out"]


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        ("fail", 3, "wrong results or a broken guarantee"),
        ("unknown", 4, "an engine did not finish"),
        ("pass", 1, "a threshold was crossed"),
        ("pass", 6, "inconclusive: a figure stands in brackets"),
        ("pass", 99, "exit code 99"),
        ("unavailable", 0, "not every case passed"),
    ],
)
def test_a_run_that_did_not_pass_fails_the_test_with_its_reason(
    bench: Bench, outcome: str, code: int, said: str
) -> None:
    bench.command(of(made_up.pair("flink", outcome=outcome, reason="because of this")), code)
    done = bench.pytest(GREEN_IF_RIGHT)
    assert done.returncode == 1
    assert f"streamgauge: {said}" in done.stdout
    assert ("because of this" in done.stdout) == (outcome != "pass")
    assert "results in runs/r" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_in_a_reason_is_obeyed_by_a_terminal(bench: Bench) -> None:
    hostile = "\x1b[2Jgone \u202e\ud800\rE   passed"
    bench.command(of(made_up.pair("flink\x1b]0;title\x07", outcome="fail", reason=hostile)), 3)
    done = bench.pytest(GREEN_IF_RIGHT, "--junitxml=out.xml")
    assert done.returncode == 1
    assert "\\x1b[2Jgone \\u202e\\ud800\\rE   passed" in done.stdout
    assert not [sign for sign in done.stdout if not sign.isprintable() and sign != "\n"]
    ElementTree.parse(bench.folder / "out.xml")  # noqa: S314  # pytest made it


def test_a_threshold_that_is_crossed_is_named(bench: Bench) -> None:
    printed = document(of(made_up.pair("flink", mode="sql")), Path("runs/r"))
    check = {"text": "p99 < 1s", "engine": "flink", "mode": "sql", "workload": "sensors", "fault": "none"}
    states = [("crossed", "p99 < 1s"), ("met", "p50 < 9s"), ("undecided", "max < 1s")]
    more = {"phase": "paced", "value": 1020.5, "unit": "ms"}
    printed["thresholds"] = [check | more | {"state": state, "text": text} for state, text in states]
    bench.command(json.dumps(printed), 1)
    done = bench.pytest(GREEN_IF_RIGHT)
    assert "p99 < 1s is crossed by flink (sql).sensors.paced (1020.5 ms)" in done.stdout
    assert "p50 < 9s" not in done.stdout
    assert "max < 1s" not in done.stdout


def test_one_engine_of_several_that_could_not_run_is_no_green_test(bench: Bench) -> None:
    """The command itself ends with 0, for what ran was right."""
    bench.command(of(made_up.pair("flink"), made_up.idle("spark", "unavailable", "no Java")))
    done = bench.pytest(GREEN_IF_RIGHT)
    assert done.returncode == 1
    assert "spark.sensors.paced: unavailable: no Java" in done.stdout


def test_a_run_without_cases_is_no_green_test(bench: Bench) -> None:
    bench.command(of())
    done = bench.pytest(GREEN_IF_RIGHT)
    assert done.returncode == 1
    assert "there was no case" in done.stdout


def test_a_test_that_looks_at_nothing_is_not_green(bench: Bench) -> None:
    bench.command(of(made_up.pair("flink", outcome="fail", reason="lost")), 3)
    done = bench.pytest("def test_it(streamgauge):\n    streamgauge.run()\n")
    assert done.returncode == 1
    assert "nobody looked at how the run ended" in done.stdout


@pytest.mark.parametrize("printed", ["", "no JSON", "[]", "{}", '{"run": "r", "cases": [{"engine": 1}]}', "null"])
def test_a_command_that_says_nothing_that_can_be_read_fails_the_test(bench: Bench, printed: str) -> None:
    bench.command(printed, 2)
    done = bench.pytest(GREEN_IF_RIGHT)
    assert done.returncode == 1
    assert "streamgauge ended with exit code 2: the command or the suite is not valid\nsaid aside" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_command_that_cannot_be_started_fails_the_test(bench: Bench) -> None:
    done = bench.pytest(GREEN_IF_RIGHT, "--streamgauge-command=/nowhere/streamgauge", named=False)
    assert done.returncode == 1
    assert "/nowhere/streamgauge cannot be started: No such file or directory" in done.stdout
    assert "threshold" not in done.stdout
    done = bench.pytest(GREEN_IF_RIGHT, "--streamgauge-command='", named=False)
    assert done.returncode == 1
    assert "is no command line: No closing quotation" in done.stdout


def test_without_the_command_a_test_fails_and_is_not_skipped(bench: Bench) -> None:
    done = bench.pytest(GREEN_IF_RIGHT, named=False)
    assert done.returncode == 1
    assert "there is no command streamgauge on the PATH" in done.stdout


def test_the_command_may_stand_in_the_ini_file_or_the_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.command(of(made_up.pair("flink")))
    command = f"{sys.executable} stand_in.py"
    (bench.folder / "pytest.ini").write_text(f"[pytest]\nstreamgauge_command = {command}\n")
    assert bench.pytest(GREEN_IF_RIGHT, named=False).returncode == 0
    (bench.folder / "pytest.ini").write_text("[pytest]\n")
    own = bench.env() | {"STREAMGAUGE_COMMAND": command}
    monkeypatch.setattr(bench, "env", lambda: own)
    assert bench.pytest(GREEN_IF_RIGHT, named=False).returncode == 0


METRIC = "def test_it(streamgauge):\n    assert streamgauge.run().metric({asked}) {bound}\n"


def test_a_figure_can_be_held_against_a_bound(bench: Bench) -> None:
    bench.command(of(made_up.pair("flink", rate=200_000)))
    assert bench.pytest(METRIC.format(asked="'drain_rate'", bound="== 200_000")).returncode == 0
    assert bench.pytest(METRIC.format(asked="'drain_rate'", bound="> 200_000")).returncode == 1


def test_a_figure_in_brackets_decides_nothing(bench: Bench) -> None:
    """No red build from noise, and no green one either."""
    bench.command(of(marked(made_up.pair("flink"))))
    test = METRIC.format(asked="'latency_p99'", bound="< 0")
    done = bench.pytest(test)
    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "in brackets: the machine was busy" in done.stdout
    assert bench.pytest(test, "--streamgauge-strict").returncode == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("'speed'", "there is no single speed: no case has it"),
        ("'drain_rate'", "there is no single drain_rate: flink.sensors.drain, spark.sensors.drain have it"),
        ("'drain_rate', engine='storm'", "there is no single drain_rate of storm: no case has it"),
        ("'drain_rate', engine='spark'", "drain_rate says nothing: the outcome of spark.sensors.drain is fail"),
    ],
)
def test_a_figure_that_there_is_not_or_that_says_nothing_fails_the_test(bench: Bench, asked: str, said: str) -> None:
    bench.command(of(made_up.pair("flink"), made_up.pair("spark", outcome="fail", reason="lost")), 3)
    done = bench.pytest(METRIC.format(asked=asked, bound="> 0"))
    assert done.returncode == 1
    assert said in done.stdout


def test_of_several_trials_the_median_is_the_figure(bench: Bench) -> None:
    bench.command(made_up.several(made_up.trials("flink", [100, 200, 400])))
    assert bench.pytest(METRIC.format(asked="'drain_rate'", bound="== 200")).returncode == 0


LASTING = """
import os, pathlib, signal, sys, time
pathlib.Path("pid").write_text(str(os.getpid()))
def ended(*_):
    pathlib.Path("ended").write_text("")
    sys.exit(130)
signal.signal(signal.SIGTERM, ended)
pathlib.Path("ready").write_text("")
time.sleep(300)
"""


def test_a_run_that_takes_too_long_is_asked_to_end_and_fails_the_test(bench: Bench) -> None:
    (bench.folder / "stand_in.py").write_text(LASTING)
    done = bench.pytest("def test_it(streamgauge):\n    streamgauge.run(timeout_s=5).must_pass()\n")
    assert done.returncode == 1
    assert "took longer than 5 s" in done.stdout
    assert (bench.folder / "ended").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_ends_when_the_tests_are_interrupted_or_killed(bench: Bench, number: signal.Signals) -> None:
    (bench.folder / "stand_in.py").write_text(LASTING)
    (bench.folder / "test_it.py").write_text(GREEN_IF_RIGHT)
    command = [*bench.pytest_command(), f"--streamgauge-command={sys.executable} stand_in.py"]
    tests = subprocess.Popen(command, cwd=bench.folder, env=bench.env(), stdout=subprocess.DEVNULL)
    try:
        wait_until((bench.folder / "ready").exists)
    finally:
        tests.send_signal(number)
        tests.wait(timeout=60)
    wait_until((bench.folder / "ended").exists)
    pid = int((bench.folder / "pid").read_text())
    wait_until(lambda: not proc.runs(pid))
