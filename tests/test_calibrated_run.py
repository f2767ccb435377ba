"""The harness calibrates itself, on the embedded log: a run carries what was measured, and so does the next one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness import calibration
from harness.display import Silent
from harness.doctor import Provisioned
from harness.failure import TrialFailure
from harness.provisioning.folders import ROOT
from harness.run import execute
from results import store
from results.plan import CALIBRATION, RunPlan
from results.result import RunResult
from tests.test_calibration import case, recorded
from workloads.sensors import workload


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("harness.quiescence.STILL_S", 1.0)
    monkeypatch.setattr(calibration, "WARMUP_S", 0.2)
    monkeypatch.setattr(calibration, "MEASURED_S", 1.0)
    monkeypatch.setattr(calibration, "BACKLOGS", (2000, 5000))


def named(folder: Path, name: str) -> Path:
    """The folder of a run. What runs start is told by its name, and other tests may be running: no two share one."""
    return folder / f"{name}-{os.getpid()}-{folder.name}"


def conducted(folder: Path) -> RunResult:
    plan = RunPlan(suite="s", command="c", seed=3, log="embedded", kafka=None, calibrate=True, cases=(case(),))
    folder.mkdir()
    execute(plan, {"continuous": Provisioned(Path(sys.executable), None, None, {}, ROOT)}, folder, Silent())
    return store.judge_run(folder)


@pytest.mark.usefixtures("small")
def test_a_run_carries_its_calibration_and_the_next_one_carries_the_same(tmp_path: Path) -> None:
    result = conducted(named(tmp_path, "one"))
    assert {each.outcome for each in result.cases} == {"pass"}
    assert {each.engine for each in result.cases} == {"continuous"}, "the echo is judged as nothing"
    (found,) = result.calibrations
    assert found.lacking == ""
    assert found.ceiling is not None
    assert found.floor_p50_ms is not None
    assert found.floor_p99_ms is not None
    assert found.ceiling > 0
    assert 0 < found.floor_p50_ms <= found.floor_p99_ms
    rows = calibration.due(calibration.asked([case()])[0], workload, tmp_path)
    events = 2000 + 5000 + 1200
    assert found.rows == pytest.approx(events * rows.rows / rows.events, abs=10)
    again = conducted(named(tmp_path, "two"))
    assert again.calibrations == result.calibrations
    told = [(named(tmp_path, name) / CALIBRATION / "sensors" / "marks.jsonl").read_bytes() for name in ("one", "two")]
    assert told[0] == told[1]
    assert not (named(tmp_path, "two") / CALIBRATION / "sensors" / "logs").exists(), "it was not measured again"


@pytest.mark.usefixtures("small")
def test_a_calibration_that_fails_is_said_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TrialFailure("the echo wrote 0 of 9 rows and then none for 30 s")

    monkeypatch.setattr(calibration.EchoTrial, "_run_drains", fail)
    result = conducted(named(tmp_path, "one"))
    assert {each.outcome for each in result.cases} == {"pass"}
    assert "the echo wrote 0 of 9 rows" in result.calibrations[0].lacking
    assert not list((tmp_path / "home").glob(f"{CALIBRATION}/*")), "what failed is not kept"


@pytest.mark.usefixtures("small")
def test_what_is_older_than_a_day_is_removed_when_another_is_kept(tmp_path: Path) -> None:
    old = recorded(tmp_path / "home" / CALIBRATION / "old")
    assert not calibration.fresh(old), "it is of the year 1970"
    conducted(named(tmp_path, "one"))
    assert not old.exists()
    assert len(list((tmp_path / "home" / CALIBRATION).iterdir())) == 1
