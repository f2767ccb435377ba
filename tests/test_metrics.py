"""Metrics are found by their existence, say all that is to be said of them, and are the ones that METHOD.md lists."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from rich.console import Console

import results.metrics
from reports import html, terminal
from results.judge import judge
from results.metrics import registry
from results.metrics.measurement import Measurement
from results.result import RunResult
from tests.judge.recording import perfect

ROOT = Path(__file__).parent.parent
METHOD = (ROOT / "METHOD.md").read_text(encoding="utf-8")

FILE = '''
"""How many rows an engine wrote for each event that it was given."""

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric, TableColumn

ROWS = Metric("rows_per_event", "rows/event", "none", "Rows of each event", TableColumn("rows/\\nevent", 55, bare=True))


def measure(basis: Basis) -> Measured:
    found = Measured()
    found.add(ROWS, len(basis.seen.matching.index) / sum(phase.segment.count for phase in basis.phases))
    return found


measurement = Measurement("rows for each event", (ROWS,), measure, needs=frozenset({"matching"}), kind="paced")
'''


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are metrics as those of results/metrics are."""
    folder = tmp_path / "more"
    folder.mkdir()
    monkeypatch.setattr(results.metrics, "__path__", [*results.metrics.__path__, str(folder)])
    yield folder
    for path in folder.glob("*.py"):
        sys.modules.pop(f"results.metrics.{path.stem}", None)


def shown(folder: Path) -> tuple[str, str]:
    """The page and the terminal's text of a perfect history."""
    run = RunResult(run="run", suite="suite", machine=None, cases=judge(perfect().write(folder)))
    console = Console(width=140, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        terminal.render(run, "run", console)
    return html.render(run, "streamgauge run"), captured.get()


def test_a_file_that_is_dropped_in_is_a_metric_in_every_table(dropped_in: Path, tmp_path: Path):
    (dropped_in / "rows_per_event.py").write_text(FILE)
    page, text = shown(tmp_path / "history")
    assert "rows_per_event" in page
    assert "rows/<br>event" in page
    assert "rows/" in text
    assert [metric.name for metric in registry.columns()].index("rows_per_event") == 5


def test_a_metric_of_a_package_outside_comes_by_entry_point(
    dropped_in: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.syspath_prepend(str(tmp_path / "outside"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "metrics_of_mine.py").write_text(FILE)
    point = EntryPoint("mine", "metrics_of_mine:measurement", "streamgauge.metrics")
    monkeypatch.setattr("workloads.discovery.entry_points", lambda group: [point] if group == point.group else [])
    (case, _) = judge(perfect().write(tmp_path / "history"))
    assert case.metrics["rows_per_event"].unit == "rows/event"


def test_a_metric_that_cannot_be_loaded_is_named_with_the_reason(dropped_in: Path, tmp_path: Path):
    (dropped_in / "broken.py").write_text("import nothing_of_the_kind")
    cases = judge(perfect().write(tmp_path / "history"))
    for case in cases:
        assert case.outcome == "pass", "the rows are right all the same"
        assert "ModuleNotFoundError" in case.absent["broken"]
        assert any("broken cannot be loaded" in note for note in case.notes)


def test_an_entry_point_that_names_no_measurement_is_named_with_the_reason_and_spoils_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    point = EntryPoint("odd", "results.metrics.startup:STARTUP", "streamgauge.metrics")
    monkeypatch.setattr("workloads.discovery.entry_points", lambda group: [point] if group == point.group else [])
    for case in judge(perfect().write(tmp_path / "history")):
        assert case.outcome == "pass"
        assert "is nothing that streamgauge.metrics may name" in case.absent["odd"]


def test_every_metric_says_what_it_is_and_stands_once():
    found = registry.measurements()
    assert all(isinstance(each, Measurement) for each in found.values()), found
    names = [metric.name for metric in registry.metrics()]
    assert len(set(names)) == len(names) > 40
    for metric in registry.metrics():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", metric.name), metric
        assert not metric.meaning[0].islower(), metric
        assert not metric.meaning.endswith("."), metric
    orders = [metric.column.order for metric in registry.columns() if metric.column]
    assert len(set(orders)) == len(orders)


def test_the_list_in_the_method_is_that_of_the_code():
    rows = [
        f"| `{metric.name}` | {metric.unit} | {metric.better} | {metric.meaning} |" for metric in registry.metrics()
    ]
    _, _, section = METHOD.partition("\n## Metrics\n")
    listed = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert listed == rows, "METHOD.md, chapter Metrics, must have these rows:\n" + "\n".join(rows)


NO_METRICS = {
    "read_committed",
    "read_uncommitted",
    "input_lost",
    "input_duplicated",
    "input_damaged",
    "exactly_once_v2",
    "query_latency",
    "streams_eos_test",
    "prefer_columns",
    "window_ms",
    "schema_version",
    "event_rate",
    "event_share",
    "made_final_by",
    "in_order",
    "append_time",
    "event_time",
    "processing_guarantee",
    "worker_memory",
    "from_json",
    "cpu_seconds_per_event",
    "drain_seconds_per_event",
}
"""Words in texts that have the form of a metric's name and are none."""


CHANGES = ROOT / "CHANGELOG.md"
"""It speaks of the names of its time."""

PLACES = ("*.md", "docs/*.md", "docs/results/*.md")
TEXTS = [path for pattern in PLACES for path in sorted(ROOT.glob(pattern)) if path != CHANGES]
MODULES = {path.stem for path in ROOT.glob("*/**/*.py")}


@pytest.mark.parametrize("text", [str(path.relative_to(ROOT)) for path in TEXTS])
def test_every_metric_that_a_text_names_exists(text: str):
    named = set(re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`", (ROOT / text).read_text(encoding="utf-8")))
    families = {"latency_", "event_latency_"}
    known = {metric.name for metric in registry.metrics()} | NO_METRICS | MODULES
    assert {name for name in named if name not in known and name not in families} == set()


def test_code_names_a_metric_by_its_definition():
    """So that no metric can be renamed unseen: its name stands once as text, where it is defined."""
    known = {metric.name for metric in registry.metrics() if "_" in metric.name}
    folders = ("harness", "results", "reports")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.parent.name != "metrics"]
    said = {
        (str(path.relative_to(ROOT)), node.value)
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in known
    }
    assert said == {("results/frames.py", "late_dropped")}, "a column of a table, which is no metric"
