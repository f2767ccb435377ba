"""`streamgauge.load` gives a run as data frames, without a line of ours in the process that calls it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import streamgauge
from results.frames import CASE, METRIC, PROBE, RESULT, SAMPLE, SERIES, STRIKE
from tests.judge.recording import perfect
from tests.playback import set_up

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "notebook" / "run.ipynb"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one run that was made up, in which the command is that of this checkout."""
    bench = set_up(tmp_path, monkeypatch, pickle.dumps(perfect()))
    assert bench("run", "mine.toml", "-e", "alpha", "--no-progress") == 0
    monkeypatch.setenv(streamgauge.COMMAND, f"{sys.executable} -m harness.cli")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def test_a_run_is_loaded_as_frames(folder: Path) -> None:
    run = streamgauge.load("latest")
    (stored,) = (folder / "runs").iterdir()
    assert (run.name, run.suite, run.lacking) == (stored.name, "mine", [])
    assert run.machine is not None
    assert list(run.cases.columns) == CASE.names
    assert list(run.metrics.columns) == METRIC.names
    assert list(run.series.columns) == SERIES.names
    assert list(run.strikes.columns) == STRIKE.names
    assert list(run.probes.columns) == PROBE.names
    assert list(run.samples.columns) == SAMPLE.names
    assert list(run.rows.columns) == [*RESULT.names, "start", "end"]
    assert list(run.cases["outcome"]) == ["pass", "pass"]
    bracketed = run.metrics[run.metrics["in_brackets"].fillna("") != ""]
    assert "drain_rate" in set(bracketed["metric"])
    p99 = run.metrics[run.metrics["metric"] == "latency_p99"]["value"].iloc[0]
    assert np.quantile(run.rows["latency_s"], 0.99, method="inverted_cdf") * 1000 == pytest.approx(p99)
    parts = run.rows["until_append_s"] + run.rows["commit_wait_s"]
    assert np.allclose(parts, run.rows["latency_s"])
    assert f"<run {stored.name}: 2 cases, {len(run.rows)} rows with latency>" == repr(run)


def test_a_run_can_be_named_by_its_folder_and_its_frames_outlive_the_export(folder: Path) -> None:
    (stored,) = (folder / "runs").iterdir()
    run = streamgauge.load(stored)
    assert run.samples["cpu_s"].max() > 0


def test_what_a_run_lacks_is_said(folder: Path) -> None:
    (stored,) = (folder / "runs").iterdir()
    for history in (stored / "cases").iterdir():
        history.rename(folder / "moved")
    run = streamgauge.load()
    assert len(run.rows) == len(run.samples) == 0
    assert run.lacking == [
        "alpha.default.sensors: no rows: its history is not there",
        "alpha.default.sensors: no samples: its history is not there",
    ]
    assert repr(run).endswith("0 rows with latency, 2 lacking>")


def test_a_run_that_cannot_be_loaded_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(streamgauge.LoadFailed, match="there is no such run"):
        streamgauge.load("nowhere")
    monkeypatch.setenv(streamgauge.COMMAND, "'")
    with pytest.raises(streamgauge.LoadFailed, match="is no command line: No closing quotation"):
        streamgauge.load()
    monkeypatch.setenv(streamgauge.COMMAND, "/nowhere/streamgauge")
    with pytest.raises(streamgauge.LoadFailed, match="cannot be started"):
        streamgauge.load()
    monkeypatch.setenv(streamgauge.COMMAND, f"{sys.executable} -c 'import time; time.sleep(60)'")
    with pytest.raises(streamgauge.LoadFailed, match=r"was not judged within 0\.5 s"):
        streamgauge.load(timeout_s=0.5)


def test_the_command_is_that_of_the_environment_and_obeys_no_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(streamgauge.COMMAND, raising=False)
    assert streamgauge._command() == [sys.executable, "-E", "-P", "-m", "harness.cli"]


def test_nothing_of_ours_and_no_pandas_is_imported_with_the_module() -> None:
    packages = ("workloads", "engines", "harness", "results", "reports", "pandas", "pyarrow", "numpy")
    code = f"import sys, streamgauge; print(sorted(set({packages!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_pandas_it_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'streamgauge\[pandas\]'"):
        streamgauge.load()


def test_the_notebook_runs_from_top_to_bottom(folder: Path) -> None:
    (folder / NOTEBOOK.name).write_bytes(NOTEBOOK.read_bytes())
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "jupyter_core.command", "execute", NOTEBOOK.name, "--output=executed"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | own | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((folder / "executed.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = "".join(text for output in outputs for text in output.get("data", {}).get("text/plain", []))
    assert "2 cases" in shown
    assert "(500 events/s)" in shown
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output["output_type"] != "error" for output in outputs)


def test_the_notebook_is_kept_with_what_it_shows_and_names_no_place_of_its_maker() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert all(cell["outputs"] for cell in cells)
    assert not any(place in text for place in ("/home/", "/root/", "/tmp/", str(ROOT)))  # noqa: S108
