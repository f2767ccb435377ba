"""Whole trials of a built-in engine on the embedded log: backlogs, then a paced part."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from engines import continuous
from engines.protocol import Engine
from harness import backlogs
from harness.display import Silent
from harness.doctor import Provisioned
from harness.provisioning.folders import ROOT
from harness.run import _run_case, _RunLog
from results.evidence.phases import phases
from results.evidence.samples import Samples
from results.history import History
from results.judge import judge
from results.metrics.attempts import attempts, drained
from results.plan import CasePlan, Drain, Paced
from results.verdict.examination import examine
from results.warmth import GROWTH, LEAST, Drained, growth
from workloads import cell_handovers, machine_cycles, sensors
from workloads.workload import Parameters, Workload

SHORT = Drain(events=1500, backlogs=1, intervals=1, budget_s=0.1, max_events=1500)


def conducted(folder: Path, engine: Engine, workload: Workload, parameters: Parameters, drain: Drain = SHORT) -> Path:
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
        drain=drain,
    )
    run = folder / "run"
    tools = Provisioned(Path(sys.executable), None, None, {}, ROOT)
    _run_case(case, engine, workload, None, tools, _RunLog("t"), run, folder / "scratch", Silent())
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


def test_the_judge_finds_again_what_the_trial_saw_of_its_backlogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[Drained] = []
    over = backlogs.over

    def watched(drain: Drain, equal: Sequence[Drained], spent_s: float) -> bool:
        seen[:] = equal
        return over(drain, equal, spent_s)

    monkeypatch.setattr(backlogs, "over", watched)
    drain = Drain(events=30_000, backlogs=LEAST, intervals=2, budget_s=30, max_events=60_000)
    workload = sensors.workload
    history = History(conducted(tmp_path, continuous.engine, workload, workload.defaults, drain))
    told = [drained(each, Samples(history)) for each in attempts(examine(history, phases(history)))]
    found = [each for each in told if isinstance(each, Drained)]
    assert len(found) == len(told) > len(seen) >= LEAST, told
    for trial, judged in zip(seen, found, strict=False):
        assert judged.events == trial.events
        assert judged.seconds == pytest.approx(trial.seconds, abs=0.01)
        # In ticks of 10 ms, of a few processes.
        assert judged.cpu_s == pytest.approx(trial.cpu_s, abs=0.05)
    (case,) = [case for case in judge(history.folder) if case.phase == "drain"]
    grew = growth(seen)
    assert grew is not None
    assert case.metrics["warm_up_growth"].value == pytest.approx(100 * grew, abs=15)
    growing = [why for why in case.metrics["drain_rate"].bracketed if "warming up" in why]
    assert bool(growing) == (case.metrics["warm_up_growth"].value >= 100 * GROWTH)
