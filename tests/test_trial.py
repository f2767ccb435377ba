"""Whole trials of a built-in engine on the embedded log: backlogs, then a paced part."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engines.continuous import engine
from harness.display import Silent
from harness.doctor import Provisioned
from harness.run import _run_case, _RunLog
from results.evidence.phases import phases
from results.history import History
from results.judge import judge
from results.plan import CasePlan, Drain, Paced
from workloads import cell_handovers, machine_cycles, sensors
from workloads.workload import Workload


@pytest.mark.parametrize("workload", [cell_handovers.workload, machine_cycles.workload, sensors.workload])
def test_rows_that_straddle_a_backlog_and_the_paced_part_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workload: Workload
):
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("harness.quiescence.STILL_S", 1.0)
    case = CasePlan(
        engine="continuous",
        mode=next(iter(engine.modes)),
        workload=workload.name,
        log="embedded",
        guarantee="exactly-once",
        parameters=dict(workload.defaults),
        seed=3,
        partitions=2,
        parallelism=1,
        interval_ms=200,
        worker_memory_mb=512,
        event_rate=1000,
        paced=Paced(rate=1000, warmup_s=0.5, measured_s=1.5),
        drain=Drain(events=1500, intervals=1, budget_s=0.1, max_events=1500),
    )
    run = tmp_path / "run"
    tools = Provisioned(Path(sys.executable), None, None, {})
    _run_case(case, engine, workload, None, tools, _RunLog(), run, tmp_path / "scratch", Silent())
    history = run / "cases" / case.name
    assert {judged.outcome for judged in judge(history)} == {"pass"}
    first = [phase.segment.first for phase in phases(History(history))]
    assert first == sorted(first), "ids rise in the log's order"
