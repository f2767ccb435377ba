"""A command line whose trials are played back from a made-up history, judged and rendered for real."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engines.protocol import Claim, Environment, Support
from harness import cli
from harness.doctor import Provisioned
from harness.faults import discover as discover_faults
from harness.planning.catalogue import Catalogue
from harness.problem import Problem
from results.plan import CasePlan, RunPlan, TrialPlan
from tests.judge.recording import Recording
from workloads.discovery import Unavailable
from workloads.sensors import Sensors


@dataclass
class Fake:
    """An engine of which only the facts are asked."""

    name: str
    logs: tuple[str, ...] = ("embedded", "kafka")
    modes: dict[str, str] = field(default_factory=lambda: {"default": "the only one"})
    version: str = "1.0"
    environment: Environment = field(default_factory=Environment)
    refuses: str = ""
    roles: tuple[str, ...] = ("worker",)
    poison: str = "skipped"

    def support(self, query: Any, guarantee: str, mode: str) -> Support:
        return Support("unsupported", self.refuses) if self.refuses else Support("native")

    def claim(self, guarantee: str, mode: str) -> Claim:
        return Claim("exactly-once", "exactly-once")


CATALOGUE = Catalogue(
    {
        "alpha": Fake("alpha"),
        "broken": Unavailable("broken", "ImportError: no module named x"),
        "kay": Fake("kay", logs=("kafka",), modes={"fast": "", "safe": ""}),
        "refusing": Fake("refusing", refuses="has no windows"),
    },
    {"sensors": Sensors()},
    discover_faults(),
)

SUITE = """
schema_version = 1
seed = 5
partitions = 4
parallelism = 1
interval = "1s"
worker_memory = "1GiB"
guarantee = "exactly-once"
workload.sensors = {}
paced = { rate = 200, warmup = "3s", measured = "24s" }
drain = { events = 1000, intervals = 3, max_events = 4000, budget = "60s" }
"""


@dataclass
class Bench:
    """A command line whose trials are played back from a made-up history."""

    folder: Path
    plans: list[RunPlan] = field(default_factory=list)
    provisioned: list[dict[str, Any]] = field(default_factory=list)
    lacking: dict[str, Problem] = field(default_factory=dict)
    lacking_broker: Problem | None = None
    java: bool = True
    during: Callable[[Path], None] = lambda folder: None
    spoil: Callable[[Recording], None] = lambda recording: None

    def __call__(self, *arguments: str) -> int:
        return int(cli.execute(list(arguments)))

    @property
    def plan(self) -> RunPlan:
        (plan,) = self.plans
        return plan

    @property
    def run(self) -> Path:
        (run,) = (self.folder / "runs").iterdir()
        return run

    def outcomes(self) -> dict[str, tuple[str, str]]:
        cases = json.loads((self.run / "result.json").read_text())["cases"]
        return {case["engine"]: (case["outcome"], case["reason"]) for case in cases}


NAMED = ("engine", "mode", "log", "guarantee", "trial_number")
"""What a played trial takes from its case; all else is the recording's."""


def as_recorded(plan: RunPlan, recording: Recording) -> RunPlan:
    """The plan of a run that asks of its cases what was recorded of them."""
    both = (TrialPlan.model_fields.keys() & CasePlan.model_fields.keys()) - set(NAMED)
    update = {name: getattr(recording.plan, name) for name in both}
    cases = tuple(case if case.blocked else case.model_copy(update=update) for case in plan.cases)
    return plan.model_copy(update={"cases": cases})


def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch, recorded: bytes) -> Bench:
    """A bench in `folder`, which becomes the working directory; `recorded` is the pickled history of every trial."""
    made = Bench(folder)

    def execute(plan: RunPlan, provisioned: dict[str, Any], run: Path, display: Any, _job: object) -> None:
        made.plans.append(plan)
        made.provisioned.append(provisioned)
        played = as_recorded(plan, pickle.loads(recorded))  # noqa: S301  # our own bytes
        (run / "plan.json").write_text(played.model_dump_json())
        made.during(run)
        for case in played.runnable:
            display.step(case.name, "starting the engine")
            display.progress(case.name, "paced", 1, 2, "measured")
            recording = pickle.loads(recorded)  # noqa: S301  # our own bytes
            told = {name: getattr(case, name) for name in (*NAMED, "name")}
            recording.plan = recording.plan.model_copy(update=told)
            made.spoil(recording)
            recording.write(run / "cases" / case.name)
            display.finished(case.name, "recorded in 1 s")

    def prepare(engines: list[Any], own_broker: bool, report: Any) -> dict[str, Any]:
        ready = Provisioned(Path("python"), Path("java") if own_broker else None, None, {}, Path("code"))
        return {engine.name: made.lacking.get(engine.name, ready) for engine in engines}

    def prepare_broker(report: Any) -> None:
        if made.lacking_broker:
            raise made.lacking_broker

    (folder / "mine.toml").write_text(SUITE)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("harness.run.execute", execute)
    monkeypatch.setattr("harness.doctor.prepare", prepare)
    monkeypatch.setattr("harness.doctor.prepare_broker", prepare_broker)

    def find_java(minimum: int) -> None:
        if not made.java:
            raise Problem("there is no JDK")

    monkeypatch.setattr("harness.planning.readiness.find_java", find_java)
    monkeypatch.setattr("harness.planning.catalogue.discover", lambda: CATALOGUE)
    monkeypatch.setattr("harness.host.surroundings.LOOK_S", 0.01)
    monkeypatch.delenv("COLUMNS", raising=False)
    return made
