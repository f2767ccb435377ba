"""The figures of a run as other tools take them: the smaller the better, and times in seconds.

Such a tool draws each number as a point and knows nothing of brackets. So a figure is left out where it says less than
it seems to, and where the answers behind it were not proved right; and who exports is told what was left out, and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reports.columns import columns
from reports.comparison import Comparison, Row, compare
from results.metrics import drain_cpu, recovery, sustained_rate
from results.result import Better, CaseResult, MetricValue, Outcome, PhaseKind, RepeatedCase, RunResult

SECONDS = frozenset({"s", "s/event", "CPU-s/event"})
"""The units of times, as they are exported."""

_UNKNOWN_UNIT = "the format knows times only"

_MOST = 1e100
"""Nothing that is measured is larger. A result may come from anyone, and sums of larger numbers would be none."""

ALL = "all"
"""In place of a metric's name: every metric that ranks something."""

_PER_EVENT = {"events/s": "s/event", "events/CPU-s": "CPU-s/event"}
_NAMES = ((drain_cpu.EVENTS_PER_SECOND.name, "cpu_seconds_per_event"), ("_rate", "_seconds_per_event"))
"""How a speed is called once it is a time: the first of these that its name has is replaced."""


@dataclass(frozen=True)
class ExportReading:
    """One metric of one row in the phases of one kind, as it is exported."""

    question: str
    """What the row was asked, as its comparison is titled."""
    row: str
    """The engine, with its mode and set-up where there is more than one."""
    phase: PhaseKind
    """The kind of phases that it is of."""
    trial: int | None
    """Which trial of several it is of; None for the only one, and for the median over several."""
    outcome: Outcome
    """Of the case; of a median, the worst of the trials'."""
    metric: str
    """The name under which it is exported."""
    source: str
    """The metric's name in result.json and METHOD.md, which differs where a speed became a time."""
    value: float
    """The figure, in `unit`."""
    unit: str
    """`s`, `s/event` or `CPU-s/event` for what is a time or a speed in result.json; else as there."""
    better: Better
    """Which way is better."""
    low: float | None
    """The lower end of its interval, as in result.json; None without one."""
    high: float | None
    """The upper end."""
    n: int | None
    """What it rests on, as in result.json."""
    samples: tuple[float, ...]
    """The figure of each trial that has it, in their order; of a case with one trial, that one."""
    doubts: tuple[str, ...]
    """Why it says less than it seems to, each in a line; empty where it stands as it is."""

    @property
    def case(self) -> str:
        """What it is a figure of: the same from run to run."""
        return f"{self.question}: {self.row}, {self.phase}"

    @property
    def mark(self) -> str:
        """What stands behind a name where the figure is in brackets; empty where it stands as it is. So such a figure
        never lies in a line with those that do.
        """
        return " (in brackets)" if self.doubts else ""


@dataclass(frozen=True)
class ReadingChoice:
    """What is asked to be exported. metrics: names as in result.json, ALL for all that rank; empty for the usual ones.
    bracketed: whether also figures that stand in brackets. units: those that the format knows; None for all.
    """

    metrics: tuple[str, ...] = ()
    bracketed: bool = False
    units: frozenset[str] | None = None

    def wants(self, metric: str, better: Better = "none") -> bool:
        if not self.metrics:
            return metric in usual()
        return metric in self.metrics or (ALL in self.metrics and better != "none")

    def wants_of_all(self, metric: str, better: Better = "none") -> bool:
        """The same where every metric is wanted unless some are named."""
        return not self.metrics or self.wants(metric, better)


def usual() -> tuple[str, ...]:
    """The metrics that are exported unless others are named: those of the tables, how long recovery took, and what rate
    lasts.
    """
    times = (recovery.DETECTED, recovery.RESTART, recovery.FIRST_OUTPUT, recovery.CAUGHT_UP)
    lasting = (sustained_rate.HELD, sustained_rate.P99)
    return tuple(metric.name for metric in (*(column.metric for column in columns()), *times, *lasting))


def readings(run: RunResult) -> list[ExportReading]:
    """Every figure of a run: of a case with several trials the medians, of any other its own. Each has a name of its
    own: what a tool takes for a dictionary would hide one of two.
    """
    found: dict[tuple[str, str], ExportReading] = {}
    for comparison in compare(run):
        for row in comparison.rows:
            for case in row.repeated or row.cases:
                for reading in _of_case(comparison, row, case):
                    number, named = 1, reading
                    while (named.case, named.metric) in found:
                        number += 1
                        named = replace(reading, row=f"{reading.row} [{number}]")
                    found[named.case, named.metric] = named
    return list(found.values())


def of_trials(run: RunResult) -> list[ExportReading]:
    """Every figure of each trial, where a case has several."""
    return [
        found
        for comparison in compare(run)
        for row in comparison.rows
        for case in (row.cases if row.repeated else ())
        for found in _of_case(comparison, row, case)
    ]


def chosen(run: RunResult, choice: ReadingChoice) -> tuple[list[ExportReading], list[str]]:
    """The figures that a format without marks is given, and what was left out, each in a line with its reason."""
    kept: list[ExportReading] = []
    left_out: dict[tuple[str, str], list[str]] = {}
    for reading in readings(run):
        if reading.outcome != "pass" or not choice.wants(reading.source, reading.better):
            continue
        why = _obstacle(reading, choice)
        if why is None:
            kept.append(reading)
        elif why == _UNKNOWN_UNIT and not choice.metrics:
            continue  # Nobody asked for it by name.
        else:
            left_out.setdefault((reading.case, why), []).append(reading.source)
    told = [f"{case}: {', '.join(metrics)}: {why}" for (case, why), metrics in left_out.items()]
    return kept, [*_without_proof(run), *told, *_unsayable(run, choice), *_absent(run, choice)]


def _obstacle(reading: ExportReading, choice: ReadingChoice) -> str | None:
    if reading.doubts and not choice.bracketed:
        return f"in brackets: {'; '.join(reading.doubts)}"
    if choice.units is not None and reading.unit not in choice.units:
        return _UNKNOWN_UNIT
    if reading.better != "lower":
        return "the format has no place for what is not the better the smaller it is"
    return None


def _without_proof(run: RunResult) -> Iterator[str]:
    """The rows of which no figure is exported, for the answers were not proved right."""
    for comparison in compare(run):
        for row in comparison.rows:
            for case in row.repeated or row.cases:
                if case.outcome != "pass":
                    reasons = [
                        one.reason for one in row.cases if (one.phase, one.outcome) == (case.phase, case.outcome)
                    ]
                    name = f"{comparison.title}: {row.name}, {case.phase}"
                    yield f"{name}: every figure: the outcome is {case.outcome}: {next(iter(reasons), '')}"


def _unsayable(run: RunResult, choice: ReadingChoice) -> Iterator[str]:
    for comparison in compare(run):
        for row in comparison.rows:
            for case in row.repeated or row.cases:
                for name, measured in case.metrics.items():
                    if choice.wants(name, measured.better) and case.outcome == "pass":
                        why = unsayable(name, measured)
                        if why is not None:
                            yield f"{comparison.title}: {row.name}, {case.phase}: {name}: {why}"


def unsayable(name: str, measured: MetricValue) -> str | None:
    """Why a figure cannot be exported as it is, in a line; None where it can."""
    if exported_as(name, measured) is not None:
        return None
    return f"no tool could say {measured.value:g} {measured.unit}, as it is exported"


def _absent(run: RunResult, choice: ReadingChoice) -> Iterator[str]:
    """The metrics that were to be exported and that a row that is right has in no phase."""
    asked = choice.metrics or usual()
    for comparison in compare(run):
        for row in comparison.rows:
            there = {name for case in row.cases for name in case.metrics}
            missing: dict[str, list[str]] = {}
            for name in asked if row.outcome == "pass" else ():
                unsaid = "it was not measured" if choice.metrics and name != ALL else None
                why = next((case.absent[name] for case in row.cases if name in case.absent), unsaid)
                if name not in there and why is not None:
                    missing.setdefault(why, []).append(name)
            for why, names in missing.items():
                yield f"{comparison.title}: {row.name}: {', '.join(names)}: absent: {why}"


def _of_case(comparison: Comparison, row: Row, case: CaseResult | RepeatedCase) -> Iterator[ExportReading]:
    trials = [case] if isinstance(case, CaseResult) else [each for each in row.cases if each.phase == case.phase]
    doubt = [] if case.outcome == "pass" else [f"the outcome is {case.outcome}"]
    for name, measured in case.metrics.items():
        taken = exported_as(name, measured)
        if taken is None:
            continue
        shown, unit, better, value, low, high = taken
        yield ExportReading(
            question=comparison.title,
            row=row.name,
            phase=case.phase,
            trial=case.trial_number if isinstance(case, CaseResult) else None,
            outcome=case.outcome,
            metric=shown,
            source=name,
            value=value,
            unit=unit,
            better=better,
            low=low,
            high=high,
            n=measured.n,
            samples=tuple(_samples(name, (trial.metrics for trial in trials))),
            doubts=(*doubt, *measured.bracketed),
        )


def _samples(name: str, metrics: Iterable[Mapping[str, MetricValue]]) -> Iterator[float]:
    for each in metrics:
        taken = exported_as(name, each[name]) if name in each else None
        if taken is not None:
            yield taken[3]


_Taken = tuple[str, str, Better, float, float | None, float | None]


def exported_as(name: str, measured: MetricValue) -> _Taken | None:
    """A metric's name, unit, direction, value, low and high as they are exported; None where no number can say it.

    A speed becomes its inverse, the time that an event takes: then a smaller figure is better for every metric that
    ranks. Milliseconds become seconds.
    """
    if measured.better == "higher" and measured.unit in _PER_EVENT:
        value = _inverse(measured.value)
        if value is None:
            return None
        low, high = (None if end is None else _inverse(end) for end in (measured.high, measured.low))
        return _name_of_a_time(name), _PER_EVENT[measured.unit], "lower", value, low, high
    factor, unit = (1e-3, "s") if measured.unit == "ms" else (1.0, measured.unit)
    # Rounded, so that 0.25 ms is not 0.00025000000000000006 s.
    value, low, high = (None if each is None else _rounded(each * factor) for each in _ends(measured))
    return None if value is None or abs(value) > _MOST else (name, unit, measured.better, value, low, high)


def _ends(measured: MetricValue) -> Sequence[float | None]:
    return measured.value, measured.low, measured.high


def _inverse(value: float) -> float | None:
    """None of zero, of what is below it, and of what is so small that its inverse is no figure."""
    found = 1 / value if value > 0 else math.inf
    return _rounded(found) if found <= _MOST else None


def _rounded(value: float) -> float:
    return float(f"{value:.12g}")


def _name_of_a_time(name: str) -> str:
    for speed, time in _NAMES:
        if speed in name:
            return name.replace(speed, time)
    return f"{name}_seconds_per_event"
