"""What a gate tries: the cases of a suite that can run here, on one log. Everything that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engines.protocol import LogKind
from harness.gate.side import Unit
from harness.planning import catalogue, planner, request
from harness.planning.duration import beside_s, trial_s
from harness.planning.planner import Selection
from harness.planning.readiness import Readiness
from harness.planning.request import Request, overrides
from harness.planning.suite import find
from harness.problem import ExitCode, Problem
from harness.provisioning.progress import ProgressReport
from results.plan import CasePlan

ALWAYS = ("trials=1", "calibrate=false")
"""What a gate sets of any suite: it repeats trials itself, and compares both sides under the same harness."""


@dataclass(frozen=True)
class Asked:
    """What each trial is asked."""

    name: str
    """The suite's."""
    suite: Path
    """The suite's file."""
    log: LogKind
    """The one that was chosen for all cases."""
    words: tuple[str, ...]
    """KEY=VALUE, by which each trial replaces values of the suite."""
    seconds: dict[Unit, float]
    """About how long a trial takes, by what it is of."""

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(self.seconds)

    @property
    def to_set_up(self) -> tuple[str, ...]:
        """What must be there before the first trial, as `setup` calls it."""
        return (*dict.fromkeys(unit.engine for unit in self.units), *(("kafka",) if self.log == "kafka" else ()))


def asked(
    suite: str,
    engines: Sequence[str],
    workloads: Sequence[str],
    log: Literal["auto", "embedded", "kafka"],
    settings: Sequence[str],
    report: ProgressReport,
) -> Asked:
    """Raises InvalidRequest, and Problem for a case that cannot run here: nothing is left out in silence."""
    known = catalogue.discover()
    words = (*settings, *ALWAYS)
    wanted = Request(suite, Selection(tuple(engines), tuple(workloads), log), overrides(words, None))
    source, content, selection = request.resolve(wanted, known)
    loaded = [
        known.loaded[name] for name in planner.selected_engines(content, selection, known) if name in known.loaded
    ]
    chosen: LogKind = "embedded" if all("embedded" in engine.logs for engine in loaded) else "kafka"
    if log != "auto":
        chosen = log
    readiness = Readiness(report, own_broker=chosen == "kafka")
    name = request.run_name(source)
    plan = planner.make(name, content, selection, known, (chosen, None), readiness.available, "streamgauge gate")
    if blocked := [case for case in plan.cases if case.blocked]:
        told = "; ".join(f"{case.name}: {case.blocked.reason}" for case in blocked if case.blocked)
        remedy = next((case.blocked.remedy for case in blocked if case.blocked and case.blocked.remedy), "")
        raise Problem(f"what is to be gated cannot run here: {told}", f"suite {name}", remedy or "leave it out with -e")
    if not plan.runnable:
        raise Problem("there is nothing to gate", f"suite {name}", "name an engine with -e", ExitCode.USAGE)
    jvm = {name: engine.environment.jvm for name, engine in known.loaded.items()}
    return Asked(name, find(source).resolve(), chosen, words, _seconds(plan.runnable, jvm, chosen == "kafka"))


def _seconds(cases: Sequence[CasePlan], jvm: Mapping[str, bool], broker: bool) -> dict[Unit, float]:
    """About how long a trial of each unit takes: it is a run of its own. broker: whether each starts one."""
    found: dict[Unit, list[CasePlan]] = {}
    for case in cases:
        found.setdefault(Unit(case.engine, case.workload), []).append(case)
    return {
        unit: beside_s(mine, calibrated=False, own_broker=broker)
        + sum(trial_s(case, jvm[unit.engine]) for case in mine)
        for unit, mine in found.items()
    }
