"""One real run, asked for by an installed plug-in, is what each tool that a team has already is given."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import junitparser
import numpy as np
import pytest

import streamgauge
from harness.provisioning.progress import Lines
from harness.provisioning.uv import ensure_uv

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "integrations" / "pytest-streamgauge"

SUITE = """
schema_version = 1
calibrate = false
seed = 20261124
partitions = 2
parallelism = 1
interval = "100ms"
worker_memory = "512MiB"
guarantee = "exactly-once"
engines = ["micro-batch"]
workload.sensors = { window_ms = 100 }
paced = { rate = "1k/s", warmup = "0s", measured = "4s" }
drain = { events = "20k", intervals = 1, max_events = "20k", budget = "1s" }
"""
TEST = """
def test_it_is_right(streamgauge):
    run = streamgauge.run("small.toml", log="embedded").must_pass()
    assert {case["phase"] for case in run.cases} == {"paced", "drain"}
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("integrations")]  # One run serves all of them.


@dataclass(frozen=True)
class Tried:
    """A folder in which an inner pytest was called, its JUnit report, and the run that its test asked for."""

    folder: Path
    report: Path
    run: Path

    def export(self, to: str, *words: str) -> Path:
        """A file in the format, with every figure: the machine of a test is never calm."""
        out = self.folder / f"exported-{to}"
        command = [sys.executable, "-m", "harness.cli", "export", str(self.run), "--to", to, "-o", str(out), *words]
        done = subprocess.run(command, cwd=self.folder, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return out


def environment(*folders: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": ":".join(map(str, (*folders, ROOT)))}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder = tmp_path_factory.mktemp("tried")
    installed = installed_plugin(folder)
    (folder / "small.toml").write_text(SUITE)
    (folder / "test_it.py").write_text(TEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    words = ["-W", "error", "--junitxml=report.xml", "-p", "no:cacheprovider", "--basetemp", str(folder / "temp")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *words,
            f"--streamgauge-command={sys.executable} -m harness.cli",
            "test_it.py",
        ],
        cwd=folder,
        env=environment(installed) | {"STREAMGAUGE_HOME": str(folder / "home"), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (folder / "temp").glob("test_*0/streamgauge/*")
    return Tried(folder, folder / "report.xml", run)


def installed_plugin(folder: Path) -> Path:
    """A folder that the plug-in is installed into, as it is into any environment; if possible without the network."""
    source = shutil.copytree(
        PLUGIN, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    )
    install = [ensure_uv(Lines()), "pip", "install", "--no-deps", "--python", sys.executable, "--target"]
    for more in (["--offline"], []):
        done = subprocess.run(
            [*install, folder / "installed", *more, source], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    return folder / "installed"


def test_the_installed_plug_in_is_one_module_and_needs_pytest_only(tried: Tried) -> None:
    installed = tried.folder / "installed"
    assert [path.name for path in installed.glob("*.py")] == ["pytest_streamgauge.py"]
    (about,) = installed.glob("*.dist-info/METADATA")
    assert [line for line in about.read_text().splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: pytest>=7.4"
    ]


def test_the_test_s_report_has_the_figures(tried: Tried) -> None:
    (suite,) = junitparser.JUnitXml.fromfile(str(tried.report))
    (case,) = suite
    properties = {each.name: each.value for each in next(case.iterchildren(junitparser.Properties))}
    stored = json.loads((tried.run / "result.json").read_text())
    (rate,) = [case["metrics"]["drain_rate"]["value"] for case in stored["cases"] if case["phase"] == "drain"]
    assert properties["streamgauge.run"] == str(tried.run)
    assert f"{rate:.6g} events/s" in properties["micro-batch.sensors.drain.drain_rate"]


def test_junit_is_read_by_a_parser_of_it(tried: Tried) -> None:
    (suite,) = junitparser.JUnitXml.fromfile(str(tried.export("junit")))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (1, 0, 0, 0)
    assert [case.name for case in suite] == ["micro-batch"]


def test_pytest_benchmark_compares_a_real_run_with_itself(tried: Tried) -> None:
    exported = tried.export("pytest-benchmark", "--bracketed")
    shutil.copy(exported, tried.folder / "one.json")
    shutil.copy(exported, tried.folder / "other.json")
    command = [Path(sys.executable).with_name("pytest-benchmark"), "compare", "one.json", "other.json"]
    done = subprocess.run(
        [*command, "--group-by=group"], cwd=tried.folder, capture_output=True, text=True, check=True, timeout=120
    )
    assert "drain_seconds_per_event, s/event': 2 tests" in done.stdout
    assert "latency_p50, s': 2 tests" in done.stdout


def test_every_format_has_the_same_figure(tried: Tried) -> None:
    stored = json.loads((tried.run / "result.json").read_text())
    (rate,) = [case["metrics"]["drain_rate"]["value"] for case in stored["cases"] if case["phase"] == "drain"]
    seconds = 1 / rate
    entries = json.loads(tried.export("github-action-benchmark", "--bracketed").read_text())
    (entry,) = [each for each in entries if "drain_seconds_per_event" in each["name"]]
    assert entry["value"] == pytest.approx(seconds)
    measures = json.loads(tried.export("bencher", "--bracketed").read_text())
    (found,) = [each for each in measures.values() if "drain-seconds-per-event-s-event" in each]
    assert found["drain-seconds-per-event-s-event"]["value"] == pytest.approx(seconds)
    with tried.export("csv").open() as file:
        (line,) = [each for each in csv.DictReader(file) if each["source"] == "drain_rate"]
    assert float(line["value"]) == pytest.approx(seconds)


def test_its_frames_are_those_of_its_result(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(streamgauge.COMMAND, f"{sys.executable} -m harness.cli")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = streamgauge.load(tried.run)
    assert run.lacking == []
    value = run.metrics.set_index("metric")["value"]
    assert np.quantile(run.rows["latency_s"], 0.5, method="inverted_cdf") * 1000 == pytest.approx(value["latency_p50"])
    assert {"worker", "generator", "collector"} <= set(run.samples["role"])
    # On one axis: the engine was sampled before and while its results became visible.
    assert run.samples["at_s"].min() < run.rows["visible_s"].min() < run.samples["at_s"].max()
