"""Several trials of a case, taken together: medians and their intervals (METHOD.md, "Repeated trials")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from results.metrics.statistics import median_interval
from results.plan import AskedCase
from results.result import CaseResult, MetricValue, PhaseKind, RepeatedCase, worst


def repeated(cases: Iterable[CaseResult], asked: Sequence[AskedCase]) -> list[RepeatedCase]:
    """What the trials of each case with several of them come to, for each kind of phase.

    asked: the trials that were planned. Cases stand in the order of their names, since trials run in shuffled blocks.
    """
    named = {trial.name: trial for trial in asked if trial.trial_number is not None}
    found: dict[tuple[str, PhaseKind], list[CaseResult]] = {}
    for case in cases:
        if case.trial in named:
            found.setdefault((named[case.trial].case_name, case.phase), []).append(case)
    return [_together(sorted(trials, key=_number)) for _, trials in sorted(found.items(), key=lambda one: one[0][0])]


def _number(case: CaseResult) -> int:
    return case.trial_number or 0


def _together(trials: list[CaseResult]) -> RepeatedCase:
    """trials: all of one case in one kind of phase, by their numbers."""
    # One that was not judged says less of what ran.
    first = next((trial for trial in trials if trial.asked is not None), trials[0])
    names = sorted({name for trial in trials for name in trial.metrics})
    return RepeatedCase(
        **first.subject,
        outcome=worst(trials) or "unknown",
        trials=[trial.trial for trial in trials],
        metrics={name: _median([trial.metrics[name] for trial in trials if name in trial.metrics]) for name in names},
    )


def _median(values: list[MetricValue]) -> MetricValue:
    """The median over trials with its interval. It says less than it seems to if any of the values does."""
    median, low, high = (round(each, 6) for each in median_interval(np.array([value.value for value in values])))
    whys = Counter(why for value in values for why in dict.fromkeys(value.bracketed))
    return MetricValue(
        value=median,
        unit=values[0].unit,
        better=values[0].better,
        n=len(values),
        low=low,
        high=high,
        bracketed=[
            why if times == len(values) else f"{why} ({_of(times, len(values))})" for why, times in whys.items()
        ],
    )


def _of(some: int, trials: int) -> str:
    return f"in {some} of {trials} trials"
