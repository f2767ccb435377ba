"""Which figures a gate compares, and how they are taken from judged trials."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from results.metrics import drain, drain_cpu, equal_backlogs, foreign, latency
from results.result import Better, CaseResult, MetricValue, Outcome, worst

_NUMBER = re.compile(r"\.trial-[0-9]+\Z")
_LEAST, _MOST = 1e-100, 1e100
"""Between these is all that is measured. A result may come from anyone, and the ratio of others would be no number."""


@dataclass(frozen=True)
class Gated:
    """A figure."""

    title: str
    """For people."""
    names: tuple[str, ...]
    """Of the metrics that may stand for it: the first one that a trial has counts."""
    unit: str
    """Theirs."""
    better: Better
    """Which way is better."""
    limit: float
    """The change that is allowed, as a share."""

    @property
    def lower_is_better(self) -> bool:
        return self.better == "lower"

    @property
    def name(self) -> str:
        return self.names[-1]


GATED = (
    Gated(
        "events per CPU-second",
        (equal_backlogs.PER_CPU_SECOND.name, drain_cpu.EVENTS_PER_SECOND.name),
        "events/CPU-s",
        "higher",
        0.10,
    ),
    Gated("drain rate", (equal_backlogs.RATE.name, drain.RATE.name), "events/s", "higher", 0.10),
    Gated("p99", (latency.RESULT["p99"].name,), "ms", "lower", 0.20),
)
"""Events per CPU-second come first: they survive neighbours on the machine best."""

BY_NAME: Mapping[str, Gated] = {each.name: each for each in GATED}


@dataclass(frozen=True)
class TrialFigures:
    """What a gate needs of a judged trial."""

    case: str
    """Name of its case."""
    outcome: Outcome
    """The worst of its phases."""
    reason: str
    """Why; empty where it passed."""
    figures: dict[str, float]
    """By name."""
    absent: dict[str, str]
    """Why a figure is not there, by its name."""
    foreign_percent: float | None
    """CPU time that other work took; None where that cannot be told."""


def of_run(cases: Iterable[CaseResult]) -> list[TrialFigures]:
    """The trials of a judged run, each with the phases of either kind taken together."""
    together: dict[str, list[CaseResult]] = {}
    for case in cases:
        together.setdefault(case.trial, []).append(case)
    return [_figures(_NUMBER.sub("", name), phases) for name, phases in together.items()]


def _figures(name: str, phases: list[CaseResult]) -> TrialFigures:
    values = {metric: value for phase in phases for metric, value in phase.metrics.items()}
    absent = {metric: why for phase in phases for metric, why in phase.absent.items()}
    outcome = worst(phases) or "unknown"
    reason = next((_why(phase) for phase in phases if phase.outcome == outcome and outcome != "pass"), "")
    found: dict[str, float] = {}
    lacking: dict[str, str] = {}
    for each in GATED:
        value = _first(each, values)
        if value is not None and _LEAST < value.value < _MOST:
            found[each.name] = value.value
        elif value is not None:
            lacking[each.name] = f"of {value.value:g} no share can be told"
        else:
            known = (absent[metric] for metric in each.names if metric in absent)
            lacking[each.name] = next(known, "the suite does not measure it")
    others = [phase.metrics[foreign.FOREIGN.name].value for phase in phases if foreign.FOREIGN.name in phase.metrics]
    return TrialFigures(name, outcome, reason, found, lacking, max(others, default=None))


def _why(phase: CaseResult) -> str:
    """The reason without the notes that stand behind it: they are of speed, and there is none."""
    return phase.reason.removesuffix("".join(f"; {note}" for note in phase.notes))


def _first(gated: Gated, values: Mapping[str, MetricValue]) -> MetricValue | None:
    return next((values[metric] for metric in gated.names if metric in values), None)
