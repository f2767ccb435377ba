"""Sides of a gate without processes: what their trials are like, and the judge that says so."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness import cli
from harness.gate import side
from harness.gate.side import SideCode
from harness.host import facts
from results.gate.gate_result import GateResult
from results.plan import TrialPlan
from results.result import CaseResult, MetricValue, RunResult
from tests.gate.made_up_trials import CPU, FIGURES, P99, RATE


@dataclass
class MadeUp:
    """What trials are like. slower: factors of the candidate's figures. outcomes: by side, of all its trials."""

    slower: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    noise: float = 0.01
    method: int = side.METHOD_VERSION
    lacking: str = ""
    made: list[tuple[str, str]] = field(default_factory=list)
    paths: dict[str, list[str]] = field(default_factory=dict)
    asked: TrialPlan | None = None
    after: Callable[[int], None] = lambda _: None

    def record(self, code: SideCode, _suite: Path, unit: Any, _log: str, _words: Any, out: Path) -> Path:
        self.made.append((code.name, unit.engine))
        self.paths[code.name] = code.variables["PYTHONPATH"].split(os.pathsep)
        (out / "run").mkdir(parents=True)
        (out / "run" / "what").write_text(json.dumps([code.name, unit.engine, len(self.made)]))
        self.after(len(self.made))
        return out / "run"

    def judged(self, run: Path) -> RunResult:
        name, engine, number = json.loads((run / "what").read_text())
        draw = np.random.default_rng(number)
        values = {each: value * float(np.exp(draw.normal(0, self.noise))) for each, value in FIGURES.items()}
        if name == "candidate" and engine == "continuous":
            values = {each: value * self.slower.get(each, 1.0) for each, value in values.items()}
        outcome = self.outcomes.get(name, "pass")
        cases = [
            self.case(engine, "paced", outcome, {P99: values[P99]}),
            self.case(engine, "drain", "pass", {CPU: values[CPU], RATE: values[RATE]}),
        ]
        return RunResult(run=run.name, suite="gate", machine=facts.describe(None), cases=cases)

    def case(self, engine: str, phase: Any, outcome: Any, figures: dict[str, float]) -> CaseResult:
        return CaseResult(
            engine=engine, mode="default", workload="sensors", log="embedded", fault="none", guarantee="exactly-once",
            phase=phase, outcome=outcome, reason="a row is missing" if outcome == "fail" else "it stood still",
            trial=f"{engine}.default.sensors", asked=self.asked,
            metrics={name: MetricValue(value=each, unit="x", better="none") for name, each in figures.items()},
        )  # fmt: skip


def stored(top: Path) -> GateResult:
    (path,) = top.glob("runs/*/gate.json")
    return GateResult.model_validate_json(path.read_text())


def run(*words: str) -> int:
    return cli.execute(["gate", "--seed", "1", "--no-progress", *words])
