"""The example of a package outside is installed, found by its entry points, and holds what its README promises."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engines.discovery import discover
from engines.protocol import Engine
from harness.provisioning.progress import Lines
from harness.provisioning.uv import ensure_uv
from reports import units
from tests.conformance.comparison import assert_same_rows
from tests.conformance.driver import Stage
from tests.conformance.examples import EXAMPLES, stream
from tests.conformance.streams import broken, odd

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "outside-engine"

ANSWERED = ["project", "score-window", "tumbling"]
"""The examples of queries that the engine supports."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("outside example"),  # One installation and one run serve all of them.
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed into, as it is into any environment. Needs no network.

    What builds it is in uv's cache, as it built Streamgauge too; should that be empty, the network is asked.
    """
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(
        EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    )
    install = [ensure_uv(Lines()), "pip", "install", "--no-deps", "--python", sys.executable, "--target"]
    for more in (["--offline"], []):
        done = subprocess.run([*install, folder / "target", *more, source], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    return folder / "target"


def streamgauge(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line, where the package is installed."""
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *words],
        cwd=cwd,
        # So wide that no table is parted.
        env=os.environ | {"PYTHONPATH": str(installed), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@dataclass(frozen=True)
class Run:
    """text: what was printed. case: of the result. page: of the report."""

    text: str
    case: dict[str, Any]
    page: str


@pytest.fixture(scope="module")
def run(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demonstration, on its own engine only and until one strike is exposed."""
    folder = tmp_path_factory.mktemp("run")
    fewer = ["--set", "faults.exposed=1", "-e", "abacus"]
    ran = streamgauge(installed, folder, "run", str(EXAMPLE / "demo.toml"), "--log", "embedded", *fewer)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    reported = streamgauge(installed, folder, "report", "latest")
    assert reported.returncode == 0, reported.stderr
    path = folder / reported.stdout.strip()
    (case,) = json.loads((path.parent / "result.json").read_text())["cases"]
    return Run(ran.stdout, case, path.read_text())


@pytest.mark.parametrize(
    ("what", "name"), [("engines", "abacus"), ("workloads", "toll-stations"), ("faults", "abort-worker")]
)
def test_what_the_package_adds_is_listed_and_available(what: str, name: str, installed: Path, tmp_path: Path):
    listed = streamgauge(installed, tmp_path, "list", what, "--json")
    assert {entry["name"]: entry["available"] for entry in json.loads(listed.stdout)}[name] is True


def test_nothing_of_streamgauge_itself_knows_the_package():
    packages = ("workloads", "engines", "harness", "results", "reports")
    files = [path for package in packages for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".toml")]
    assert len(files) > 100
    assert [path for path in files if "abacus" in path.read_text(encoding="utf-8")] == []


def test_its_engine_answers_its_workload_exactly_once_though_its_fault_strikes(run: Run):
    case = run.case
    assert (case["engine"], case["workload"], case["fault"]) == ("abacus", "toll-stations", "abort-worker")
    assert (case["outcome"], case["log"]) == ("pass", "embedded")
    assert case["verdict"]["match"] > 1000
    assert {count for kind, count in case["verdict"].items() if kind != "match"} == {0}
    assert case["delivery"] == {"claimed": "exactly-once", "seen": "exact"}
    assert any(strike["exposed"] for strike in case["strikes"])
    assert {strike["state"] for strike in case["strikes"]} <= {"confirmed", "missed"}


def test_its_metric_stands_in_the_result_and_in_the_table(run: Run):
    metric = run.case["metrics"]["output_bytes_per_event"]
    assert (metric["unit"], metric["better"]) == ("B/event", "lower")
    assert metric["value"] > 1
    table = run.text[: run.text.index("processing:")]
    assert re.search(r" output .*\n.* B/event ", table)
    assert f" {units.scaled(metric['value'], '')} " in re.search(r"^abacus +pass .*$", table, re.MULTILINE)[0]


def test_its_section_stands_on_the_page_and_in_the_terminal(run: Run):
    said = f"{run.case['metrics']['output_bytes_per_event']['value']:,.1f} bytes an event, 100% of the largest"
    assert f"\nabacus: its output is {said}\n" in run.text
    section = run.page[run.page.index('<section id="output-volume">') :].partition("</section>")[0]
    assert "<h2>Output volume</h2>" in section
    assert f'<th scope="row">abacus</th><td>{said}</td>' in section


@pytest.fixture
def engine(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.syspath_prepend(str(installed))
    found = discover()["abacus"]
    assert isinstance(found.version, str), found
    yield found
    for name in [name for name in sys.modules if name.partition(".")[0] == "abacus"]:
        del sys.modules[name]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, None)
    yield stage
    stage.close()


def test_it_says_of_every_shape_whether_it_answers_it_and_why_not(engine: Engine):
    answers = {name: engine.support(query, "exactly-once", "default") for name, query in EXAMPLES.items()}
    assert [name for name, support in sorted(answers.items()) if support.kind == "native"] == ANSWERED
    assert all(support.detail for support in answers.values() if support.kind == "unsupported")
    assert engine.support(EXAMPLES["tumbling"], "at-least-once", "default").kind == "unsupported"


@pytest.mark.parametrize("example", ANSWERED)
def test_its_rows_are_those_of_the_reference_also_over_a_restart(engine: Engine, stage: Stage, example: str):
    query, events = EXAMPLES[example], stream(example)
    assert_same_rows(query, events, stage.run(engine, query, events, log="embedded", restart=True))


def test_odd_keys_and_times_are_taken_as_they_are_and_records_that_are_no_events_skipped(engine: Engine, stage: Stage):
    query, events = EXAMPLES["tumbling"], odd("tumbling")
    raw = broken(query, "edge", events[0][query.time])
    assert engine.poison == "skipped"
    assert_same_rows(query, events, stage.run(engine, query, events, log="embedded", raw=raw))


def test_an_empty_stream_is_answered_by_nothing(engine: Engine, stage: Stage):
    query = EXAMPLES["tumbling"]
    outcome = stage.run(engine, query, [], log="embedded")
    assert (outcome.rows, outcome.strange) == ([], [])
