"""Whole trials of a built-in engine on the embedded log: backlogs, then a paced part."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engines import continuous
from engines.protocol import Engine
from harness.display import Silent
from harness.doctor import Provisioned
from harness.run import _run_case, _RunLog
from results.evidence.phases import phases
from results.history import History
from results.judge import judge
from results.plan import CasePlan, Drain, Paced
from workloads import cell_handovers, machine_cycles, sensors
from workloads.workload import Parameters, Workload


def conducted(folder: Path, engine: Engine, workload: Workload, parameters: Parameters) -> Path:
    """The history of a short trial."""
    case = CasePlan(
        engine=engine.name,
        mode=next(iter(engine.modes)),
        workload=workload.name,
        log="embedded",
        guarantee="exactly-once",
        parameters=dict(parameters),
        seed=3,
        partitions=2,
        parallelism=1,
        interval_ms=200,
        worker_memory_mb=512,
        event_rate=1000,
        paced=Paced(rate=1000, warmup_s=0.5, measured_s=1.5),
        drain=Drain(events=1500, intervals=1, budget_s=0.1, max_events=1500),
    )
    run = folder / "run"
    tools = Provisioned(Path(sys.executable), None, None, {})
    _run_case(case, engine, workload, None, tools, _RunLog(), run, folder / "scratch", Silent())
    return run / "cases" / case.name


@pytest.fixture(autouse=True)
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("harness.quiescence.STILL_S", 1.0)


@pytest.mark.parametrize("workload", [cell_handovers.workload, machine_cycles.workload, sensors.workload])
def test_rows_that_straddle_a_backlog_and_the_paced_part_are_judged(tmp_path: Path, workload: Workload):
    history = conducted(tmp_path, continuous.engine, workload, workload.defaults)
    assert {judged.outcome for judged in judge(history)} == {"pass"}
    first = [phase.segment.first for phase in phases(History(history))]
    assert first == sorted(first), "ids rise in the log's order"
