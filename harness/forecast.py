"""What a run will do and about how long it takes, told before it starts, and by `run --dry-run` in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.protocol import Engine
from harness.planning.duration import beside_s, expected_s, in_words
from results.plan import CasePlan, RunPlan
from results.printable import printable

_LOGS = {"embedded": "the embedded log", "kafka": "Kafka"}
_TIME_COLUMNS = 13
"""For "about 12 min" and the like."""


@dataclass(frozen=True)
class Forecast:
    """Of the cases of a plan that are left to run."""

    plan: RunPlan
    """All that is asked; cases that are blocked stand in it too."""
    expected_s: Mapping[str, float]
    """About how many seconds each takes, by its name, in their order."""
    beside_s: float
    """About how many seconds the run takes beside them."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """By engine, or `kafka` for the broker, what must be brought before it can run. The seconds hold nothing of it."""

    @property
    def total_s(self) -> float:
        return sum(self.expected_s.values()) + self.beside_s

    def summary(self) -> str:
        """Such as "6 cases on Kafka, about 16 min"."""
        count = len(self.expected_s)
        cases = f"{count} case{'' if count == 1 else 's'} on {_LOGS[self.plan.log]}"
        return f"{cases}, {in_words(self.total_s)}" if count else f"no case can run on {_LOGS[self.plan.log]}"


def forecast(
    plan: RunPlan, left: Sequence[CasePlan], engines: Mapping[str, Engine], lacking: Mapping[str, str] | None = None
) -> Forecast:
    """left: the cases of the plan that are to run. engines: those that could be loaded, by name."""
    jvm = {name: engine.environment.jvm for name, engine in engines.items()}
    own_broker = plan.log == "kafka" and plan.kafka is None
    return Forecast(plan, expected_s(left, jvm), beside_s(left, plan.calibrate, own_broker), lacking or {})


def lines(told: Forecast) -> list[str]:
    """For people: a line for each case, its time first, so that a narrow terminal breaks names only."""
    text = [f"{told.plan.suite}: {told.summary()}"]
    text += [f"  {in_words(each_s):<{_TIME_COLUMNS}} {name}" for name, each_s in told.expected_s.items()]
    if told.expected_s and told.beside_s:
        text.append(f"  {in_words(told.beside_s):<{_TIME_COLUMNS}} beside the cases: {_beside(told.plan)}")
    for case in told.plan.cases:
        if case.blocked is not None:
            remedy = f"; {case.blocked.remedy}" if case.blocked.remedy else ""
            text.append(f"  {'not run':<{_TIME_COLUMNS}} {case.name}: {case.blocked.reason}{remedy}")
    text += [f"to be brought first, for {engine}: {what}" for engine, what in told.lacking.items()]
    text.append("nothing was started; times are of a machine with two cores")
    return [printable(line) for line in text]


def cells(told: Forecast) -> list[tuple[str, str]]:
    """What is told, and how long it takes or why it does not run: for a table."""
    found = [(name, in_words(each_s)) for name, each_s in told.expected_s.items()]
    if found and told.beside_s:
        found.append((f"beside the cases: {_beside(told.plan)}", in_words(told.beside_s)))
    found += [(case.name, f"not run: {case.blocked.reason}") for case in told.plan.cases if case.blocked is not None]
    return found + [(f"to be brought first, for {engine}", what) for engine, what in told.lacking.items()]


def _beside(plan: RunPlan) -> str:
    parts = ["a broker"] if plan.log == "kafka" and plan.kafka is None else []
    return " and ".join([*parts, *(["calibration"] if plan.calibrate else [])])


def document(told: Forecast) -> dict[str, Any]:
    """For programs: times in seconds."""
    cases = [
        {
            "name": case.name,
            "seconds": round(told.expected_s[case.name], 1) if case.name in told.expected_s else None,
            "blocked": case.blocked.model_dump() if case.blocked else None,
        }
        for case in told.plan.cases
        if case.blocked is not None or case.name in told.expected_s
    ]
    return {
        "schema_version": 1,
        "suite": told.plan.suite,
        "log": told.plan.log,
        "seconds": round(told.total_s, 1),
        "cases": cases,
        "lacking": dict(told.lacking),
    }
