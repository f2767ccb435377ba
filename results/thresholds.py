"""Thresholds, held against what was measured (METHOD.md, "Thresholds").

A figure that is not there, or says less than it seems to, decides nothing: nothing is met by what was not measured.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from results.metrics import recovery
from results.metrics.kept_up import NOT_CAUGHT_UP, NOT_KEPT_UP
from results.metrics.statistics import median_interval
from results.plan import Threshold
from results.result import CaseResult, CheckedThreshold, MetricValue, PhaseKind, StrikeResult

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OVER: Mapping[str, Callable[[Any], Any]] = {"median": np.median, "min": np.min, "max": np.max}
_VIOLATIONS = ("missing", "duplicate", "wrong", "unexpected")
_SAID = 2
"""So many reasons are told."""

_BEHIND = (NOT_CAUGHT_UP, NOT_KEPT_UP)


@dataclass
class _Figure:
    """The figure of a case, as far as it is known."""

    lows: list[float] = field(default_factory=list)
    """Of each trial, or of each strike, the least that it may be."""
    highs: list[float] = field(default_factory=list)
    """The most likewise; the same where it is known."""
    doubts: list[str] = field(default_factory=list)
    """Why it says less than it seems to, each in a line."""
    values: list[MetricValue] = field(default_factory=list)
    """Of each trial that has one."""
    missed: str = ""
    """How many strikes have no such time; empty where all have one."""


def checked(cases: Sequence[CaseResult], thresholds: Sequence[Threshold]) -> list[CheckedThreshold]:
    """Every threshold in every case that it is asked of, in the order of both. A case that an engine does not support
    is left out, unless the threshold names the engine.
    """
    found: dict[str, dict[str, list[CaseResult]]] = {}
    for case in cases:
        found.setdefault(_case_name(case), {}).setdefault(case.trial, []).append(case)
    each = [(next(iter(trials.values()))[0], sorted(trials.values(), key=_number)) for trials in found.values()]
    return [
        _checked(threshold, first, trials)
        for threshold in thresholds
        for first, trials in each
        if threshold.of(first.engine, first.mode, first.workload)
        and (threshold.engines or first.outcome != "unsupported")
    ]


def _case_name(case: CaseResult) -> str:
    """The same for all trials of a case."""
    if not case.trial:
        return "/".join((case.engine, case.mode, case.workload, *case.set_up.parts, case.fault, case.guarantee))
    return case.trial if case.trial_number is None else case.trial.removesuffix(f".trial-{case.trial_number}")


def _number(trial: list[CaseResult]) -> int:
    return trial[0].trial_number or 0


def _checked(threshold: Threshold, first: CaseResult, trials: list[list[CaseResult]]) -> CheckedThreshold:
    figure = _Figure()
    for trial in trials:
        _add(figure, threshold, trial)
    over = _OVER[threshold.statistic or "median"]
    low, high = (float(over(ends)) if ends else None for ends in (figure.lows, figure.highs))
    state, why = _state(threshold, figure, low, high)
    interval = _interval(threshold, figure)
    if not why and interval and interval[0] <= threshold.bound <= interval[1] and interval[0] < interval[1]:
        why = "the bound lies within the figure's interval"
    return CheckedThreshold(
        **first.subject | {"phase": _phase(threshold, trials)},
        text=threshold.text,
        metric=threshold.metric,
        statistic=threshold.statistic,
        relation=threshold.relation,
        bound=threshold.bound,
        unit=figure.values[0].unit if figure.values else "",
        state=state,
        value=round(low, 6) if low is not None and low == high and math.isfinite(low) else None,
        n=len(figure.values),
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        why=why,
        trials=[case.trial for trial in trials for case in trial[:1]],
    )


def _state(threshold: Threshold, figure: _Figure, low: float | None, high: float | None) -> tuple[Any, str]:
    """The state, and why it is so."""
    why = _joined(figure.doubts)
    if low is None or high is None:
        return "undecided", why or "not measured"
    held = {_HOLDS[threshold.relation](end, threshold.bound) for end in (low, high)}
    # An engine that falls behind its load is later the longer it is watched: its figures are no better than they look.
    behind = bool(figure.doubts) and all(doubt.startswith(_BEHIND) for doubt in figure.doubts)
    if figure.doubts and not (behind and held == {False}):
        return "undecided", why
    if len(held) > 1:
        return "undecided", figure.missed
    return ("met" if held == {True} else "crossed"), why or figure.missed


def _joined(doubts: Sequence[str]) -> str:
    """In a line: trials may have a reason each, of which the first ones say enough."""
    each = list(dict.fromkeys(doubts))
    more = len(each) - _SAID
    return "; ".join([*each[:_SAID], *([f"and {more} more such reason{'s' if more > 1 else ''}"] if more > 0 else [])])


def _add(figure: _Figure, threshold: Threshold, trial: Sequence[CaseResult]) -> None:
    """What one trial adds. trial: the results of its phases."""
    having = [case for case in trial if threshold.metric in case.metrics]
    struck = next((case for case in trial if case.strikes), None)
    if any(_suspect(case) for case in trial):
        figure.doubts.append(_lacking(threshold.metric, trial))
        return
    # Where several phases have it, the one that is farther from the bound on the wrong side.
    worst = max if threshold.relation in ("<", "<=") else min
    found = worst((case.metrics[threshold.metric] for case in having), key=lambda one: one.value, default=None)
    if found is not None:
        figure.values.append(found)
        figure.doubts += found.bracketed
    spans = _spans(threshold.metric, struck.strikes) if struck else []
    if spans:
        _add_strikes(figure, threshold, spans)
    elif found is not None:
        figure.lows.append(found.value)
        figure.highs.append(found.value)
    else:
        figure.doubts.append(_lacking(threshold.metric, trial))


def _spans(metric: str, strikes: Sequence[StrikeResult]) -> list[tuple[float, float]]:
    """Between what the figure of each strike lies. A time that did not come is longer than the strike was watched; any
    other figure that is not there is not counted. None where the metric is not one of strikes, or nothing is known.
    """
    of = recovery.TIMES.get(metric)
    found: list[tuple[float, float]] = []
    known = False
    for strike in strikes if of is not None else []:
        value = of(strike) if of is not None and strike.at_s is not None else None
        # Without a baseline of the output nothing is known of what did not come.
        missed = value is None and strike.at_s is not None and strike.lost_service_s is not None
        known |= value is not None or (missed and metric in recovery.FROM_OUTPUT)
        if value is not None:
            found.append((value, value))
        elif missed and metric in recovery.UNTIL:
            found.append((strike.watched_s or 0.0, math.inf))
    return found if known else []


def _add_strikes(figure: _Figure, threshold: Threshold, spans: Sequence[tuple[float, float]]) -> None:
    lows, highs = ([span[end] for span in spans] for end in (0, 1))
    if without := sum(high == math.inf for high in highs):
        figure.missed = f"{without} of {len(spans)} strikes have no such time: it is longer than each was watched"
    if threshold.statistic in ("min", "max"):
        figure.lows += lows
        figure.highs += highs
    else:
        figure.lows.append(float(np.median(lows)))
        figure.highs.append(float(np.median(highs)))


def _suspect(case: CaseResult) -> bool:
    """Its answer was wrong, or there were wrong rows and no verdict: its figures say nothing."""
    return case.outcome == "fail" or (
        case.outcome != "pass" and any(getattr(case.verdict, name) for name in _VIOLATIONS)
    )


def _lacking(metric: str, trial: Sequence[CaseResult]) -> str:
    """Why a trial has no figure that says anything."""
    wrong = next((case for case in trial if _suspect(case)), None)
    if wrong is not None:
        return f"rows were not as they should be: {wrong.reason}"
    told = next((case.absent[metric] for case in trial if metric in case.absent), None)
    failed = next((case.reason for case in trial if case.outcome != "pass"), None)
    return told or failed or "not measured"


def _interval(threshold: Threshold, figure: _Figure) -> tuple[float, float] | None:
    """Of several trials that of their median; of one, the metric's own. None where it is not the bound figure's."""
    if figure.missed or threshold.statistic in ("min", "max"):
        return None
    if len(figure.values) > 1:
        _, low, high = median_interval(np.array(figure.lows))
        return round(low, 6), round(high, 6)
    one = figure.values[0] if figure.values else None
    return (one.low, one.high) if one is not None and one.low is not None and one.high is not None else None


def _phase(threshold: Threshold, trials: Sequence[Sequence[CaseResult]]) -> PhaseKind:
    """The kind of phase that has the metric, or would."""
    all_of_them = [case for trial in trials for case in trial]
    first = next((case for case in all_of_them if threshold.metric in {*case.metrics, *case.absent}), None)
    return first.phase if first else next((case.phase for case in all_of_them), "paced")
