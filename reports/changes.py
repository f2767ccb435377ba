"""What changed from one result to another, how sure that is, and what cannot be compared at all (METHOD.md, "Changes").

A case of one result is held against the same case of the other. What is not alike but the code and the engines' own
versions makes two cases incomparable: their figures are shown, and none is called better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.circumstances import differences, incomparable
from reports.comparison import Comparison, Row, compare, words
from reports.summary import violations
from reports.threshold_text import in_words
from results import provenance
from results.metrics import registry
from results.metrics.metric import Metric
from results.metrics.statistics import INTERVAL_SAMPLES, median_interval, ratio_interval
from results.plan import Machine, SetUp
from results.result import Better, MetricValue, Outcome, Provenance, ResultModel, RunResult

VERSION: Literal[1] = 1
"""Of the form of the document: raised where one that could read it no longer can."""

_NO_FIGURE = 1e100
"""Nothing that is measured is so large; it may stand in a result that somebody made up."""

ChangeVerdict = Literal["better", "worse", "inconclusive", "unknown"]


class Side(ResultModel):
    """One of the results that are compared."""

    path: str
    """As its user calls it."""
    run: str
    """Name of the run's folder."""
    suite: str
    """Name of the suite."""
    method_version: int
    """Version of METHOD.md by which it was judged."""
    provenance: Provenance
    """When, how and by which code the run was made."""
    machine: Machine | None
    """What it ran on; None if nothing ran."""
    crossed: list[str]
    """Thresholds that it crosses, each in a line."""


class SideFigure(ResultModel):
    """A metric of one side."""

    value: float
    """Of several trials, their median."""
    n: int
    """How many trials have it."""
    low: float | None
    """The lower end of its 95 % interval; of two to four trials, of their range. Of one, as its result says."""
    high: float | None
    """The upper end likewise."""
    bracketed: list[str]
    """Why it says less than it seems to, each in a line."""


class Change(ResultModel):
    """A metric of a case on both sides."""

    metric: str
    """The metric's name."""
    unit: str
    """Of both values."""
    better: Better
    """Which way is better."""
    before: SideFigure | None
    """On the first side; None where it was not measured."""
    after: SideFigure | None
    """On the other side."""
    ratio: float | None
    """The value after by the one before; None where that does not exist."""
    ratio_low: float | None
    """The lower end of its 95 % interval; None of fewer than five trials on a side."""
    ratio_high: float | None
    """The upper end likewise."""
    verdict: ChangeVerdict
    """`inconclusive`: no difference that could be told from noise. `unknown`: nothing can be said."""
    why: str
    """Why nothing can be said, or it is inconclusive; empty for the others."""


class ChangedCase(ResultModel):
    """A case of both sides: the phases of one engine in one set-up, together."""

    engine: str
    """Name of the engine."""
    mode: str
    """Its mode."""
    set_up: SetUp
    """How it was set on the first side."""
    title: str
    """Workload, log, fault and guarantee, in words, on the first side."""
    name: str
    """The engine with its mode and settings, in words."""
    outcomes: tuple[Outcome, Outcome]
    """Before and after."""
    worse: list[str]
    """What became wrong, each in a line: it comes before all speeds."""
    mended: list[str]
    """What became right, each in a line."""
    incomparable: list[str]
    """Why figures cannot be compared, each in a line; empty where they can."""
    differs: list[str]
    """What else is not the same, such as the engine's version: it may be what the figures differ by."""
    changes: list[Change]
    """Every metric that is better one way and was measured on a side."""


class Pair(ResultModel):
    """What changed from one side to another."""

    before: int
    """Place of the first among the sides, from 0."""
    after: int
    """Place of the other."""
    cases: list[ChangedCase]
    """The cases of both."""
    only_before: list[str]
    """Cases that ran on the first side only, by name and title."""
    only_after: list[str]
    """Cases that ran on the other side only."""


class Changes(ResultModel):
    """What changed from the first of several results to each of the others."""

    schema_version: Literal[1] = VERSION
    """Version of the form of this."""
    sides: list[Side]
    """The results, in the order in which they were given."""
    pairs: list[Pair]
    """The first with each of the others."""


def changes(results: Sequence[tuple[str, RunResult]]) -> Changes:
    """results: at least two, each with the path by which its user calls it."""
    sides = [_side(path, run) for path, run in results]
    first = results[0][1]
    pairs = [_pair(place, first, run) for place, (_, run) in enumerate(results[1:], 1)]
    return Changes(sides=sides, pairs=pairs)


def _side(path: str, run: RunResult) -> Side:
    return Side(
        path=path,
        run=run.run,
        suite=run.suite,
        method_version=run.method_version,
        provenance=provenance.of(run),
        machine=run.machine,
        crossed=[in_words(check) for check in run.thresholds if check.state == "crossed"],
    )


@dataclass(frozen=True)
class _Place:
    """A row of a result, and the comparison in which it stands."""

    comparison: Comparison
    row: Row

    @property
    def name(self) -> str:
        return f"{self.row.name}, {self.comparison.title}"


def _places(run: RunResult) -> list[_Place]:
    return [_Place(comparison, row) for comparison in compare(run) for row in comparison.rows]


def _pair(place: int, before: RunResult, after: RunResult) -> Pair:
    ours, theirs = _places(before), _places(after)
    matched = list(_matched(ours, theirs))
    mine, its = ({id(each[side]) for each in matched} for side in (0, 1))
    return Pair(
        before=0,
        after=place,
        cases=[_case(one, other) for one, other in matched if one.row.ran or other.row.ran],
        only_before=[one.name for one in ours if id(one) not in mine and one.row.ran],
        only_after=[other.name for other in theirs if id(other) not in its and other.row.ran],
    )


def _matched(ours: Sequence[_Place], theirs: Sequence[_Place]) -> Iterator[tuple[_Place, _Place]]:
    """Rows of one case; then those that are left, where there is one on each side that differs in its log or set-up."""
    found: dict[int, _Place] = {}
    for key in (_alike, _same):
        taken = {id(other) for other in found.values()}
        mine = _by(key, (one for one in ours if id(one) not in found))
        its = _by(key, (other for other in theirs if id(other) not in taken))
        found |= {
            id(listed[0]): its[name][0] for name, listed in mine.items() if len(listed) == len(its.get(name, ())) == 1
        }
    for one in ours:
        if id(one) in found:
            yield one, found[id(one)]


def _by(key: Callable[[_Place], tuple[str, ...]], places: Iterable[_Place]) -> dict[tuple[str, ...], list[_Place]]:
    found: dict[tuple[str, ...], list[_Place]] = {}
    for place in places:
        found.setdefault(key(place), []).append(place)
    return found


def _same(place: _Place) -> tuple[str, ...]:
    """What must be the same in two rows that are held against each other at all."""
    of, case = place.comparison, place.row.first
    return of.workload, of.fault, of.guarantee, case.engine, case.mode


def _alike(place: _Place) -> tuple[str, ...]:
    """What is the same in rows that are of one case."""
    of = place.comparison
    return (*_same(place), of.log, of.aim, of.timeouts, *place.row.first.set_up.parts)


def _case(before: _Place, after: _Place) -> ChangedCase:
    one, other = before.row, after.row
    reasons = incomparable(one, other)
    worse, mended = _rightness(one, other)
    return ChangedCase(
        engine=one.engine,
        mode=one.first.mode,
        set_up=one.first.set_up,
        title=before.comparison.title,
        name=one.name,
        outcomes=(one.outcome, other.outcome),
        worse=worse,
        mended=mended,
        incomparable=reasons,
        differs=differences(one, other),
        changes=list(_changes(before, after, reasons)),
    )


_RIGHT: tuple[Outcome, ...] = ("pass", "unknown", "fail")


def _rightness(one: Row, other: Row) -> tuple[list[str], list[str]]:
    """What became wrong, and what became right, each in a line."""
    worse: list[str] = []
    mended: list[str] = []
    if not (one.ran and other.ran):
        told = words(other.reasons) or other.outcome
        return ([f"ran; now it does not: {told}"], []) if one.ran else ([], ["did not run; now it does"])
    if one.outcome != other.outcome:
        told_to = worse if _RIGHT.index(other.outcome) > _RIGHT.index(one.outcome) else mended
        told_to.append(f"{_outcome(one)}; now {_outcome(other)}")
    elif one.sound != other.sound:
        (mended if other.sound else worse).append(f"{_rows(one)}; now {_rows(other)}")
    for of, first, second in (
        ("delivery", one.seen, other.seen),
        ("processing", one.processing_seen, other.processing_seen),
    ):
        if first != second and "unknown" not in (first, second):
            (mended if second == "exact" or first == "broken" else worse).append(f"{of} was seen {first}; now {second}")
    return worse, mended


def _rows(row: Row) -> str:
    return "no row was wrong" if row.sound else f"{violations(row)}{', as it claims' if row.allowed else ''}"


def _outcome(row: Row) -> str:
    told = {"pass": "right", "fail": f"wrong ({violations(row)})", "unknown": f"unknown ({words(row.reasons)})"}
    return told.get(row.outcome, row.outcome)


def _changes(before: _Place, after: _Place, reasons: Sequence[str]) -> Iterator[Change]:
    for metric in _metrics(before.row, after.row):
        first, second = (_figure(place.row, metric) for place in (before, after))
        if first is None and second is None:
            continue
        verdict, why = _verdict(before, after, metric, first, second, reasons)
        ratio = _ratio(first, second)
        interval = None
        if first is not None and second is not None:
            interval = ratio_interval(*(np.array(_values(place.row, metric)) for place in (before, after)))
        yield Change(
            metric=metric.name,
            unit=metric.unit,
            better=metric.better,
            before=first,
            after=second,
            ratio=ratio,
            ratio_low=_finite(interval[1]) if interval else None,
            ratio_high=_finite(interval[2]) if interval else None,
            verdict=verdict,
            why=why,
        )


def _metrics(one: Row, other: Row) -> list[Metric]:
    """Those that rank, that either side has: the tables' first, then by name. One from a package that is not here is
    taken as its result describes it.
    """
    known = {metric.name: metric for metric in registry.metrics()}
    found: dict[str, Metric] = {}
    for case in (*one.cases, *other.cases):
        for name, value in case.metrics.items():
            metric = known.get(name) or Metric(name, value.unit, value.better, "")
            if metric.better != "none":
                found.setdefault(name, metric)
    first = [metric.name for metric in registry.columns()]
    order = {name: place for place, name in enumerate(first)}
    return sorted(found.values(), key=lambda metric: (order.get(metric.name, len(order)), metric.name))


def _measured(row: Row, metric: Metric) -> list[MetricValue]:
    """Of each trial that has it."""
    found = (trial.measured(metric) for trial in row.trials)
    return [one for one in found if one is not None and one.unit == metric.unit and abs(one.value) < _NO_FIGURE]


def _values(row: Row, metric: Metric) -> list[float]:
    return [value.value for value in _measured(row, metric)]


def _figure(row: Row, metric: Metric) -> SideFigure | None:
    measured = _measured(row, metric)
    if not measured:
        return None
    median, low, high = median_interval(np.array([value.value for value in measured]))
    ends = (low, high) if len(measured) > 1 else (measured[0].low, measured[0].high)
    whys = dict.fromkeys(why for value in measured for why in value.bracketed)
    return SideFigure(value=median, n=len(measured), low=ends[0], high=ends[1], bracketed=list(whys))


def _ratio(before: SideFigure | None, after: SideFigure | None) -> float | None:
    if before is None or after is None or before.value <= 0 or after.value < 0:
        return None
    return _finite(after.value / before.value)


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _verdict(
    before: _Place,
    after: _Place,
    metric: Metric,
    first: SideFigure | None,
    second: SideFigure | None,
    reasons: Sequence[str],
) -> tuple[ChangeVerdict, str]:
    """What can be said of the change, and why no more."""
    sides = (("before", before.row, first), ("after", after.row, second))
    for when, row, figure in sides:
        if row.suspect:
            return "unknown", f"rows were wrong {when}"
        if figure is None:
            return "unknown", f"not measured {when}"
    if reasons or first is None or second is None:
        return "unknown", "not comparable"
    if whys := dict.fromkeys(why for _, _, figure in sides if figure for why in figure.bracketed):
        whens = words(when for when, _, figure in sides if figure and figure.bracketed)
        return "unknown", f"in brackets {whens}: {words(whys)}"
    for when, row, figure in sides:
        if row.outcome != "pass":
            return "unknown", f"not judged {when}"
        if figure is not None and figure.n < len(row.trials):
            return "unknown", f"only {figure.n} of {len(row.trials)} trials have it {when}"
    if min(first.n, second.n) < INTERVAL_SAMPLES:
        return "unknown", _few(first.n, second.n)
    return _told_apart(before, after, metric, first, second)


def _few(first: int, second: int) -> str:
    if first == second == 1:
        return "one trial each: nothing is known of noise"
    return f"{first} and {second} trials: it takes {INTERVAL_SAMPLES} on each side"


def _told_apart(
    before: _Place, after: _Place, metric: Metric, first: SideFigure, second: SideFigure
) -> tuple[ChangeVerdict, str]:
    """Better or worse, if the intervals of both medians are apart by more than the machine differs from itself."""
    ends = (first.low or 0.0, first.high or 0.0, second.low or 0.0, second.high or 0.0)
    if ends[0] <= ends[3] and ends[2] <= ends[1]:
        return "inconclusive", "the intervals overlap"
    noise = max(place.comparison.visible_change(metric) for place in (before, after))
    if abs(second.value - first.value) < noise * min(abs(first.value), abs(second.value)):
        return "inconclusive", f"less than the {noise:.1%} by which a case differs from itself here"
    higher = second.value > first.value
    return ("better" if higher == (metric.better == "higher") else "worse"), ""
