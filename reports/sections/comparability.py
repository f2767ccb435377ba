"""What makes the results of a run comparable, and what limits how far they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import units
from reports.comparison import UNTESTED, Comparison, words
from reports.elements import Check, Checks, Element
from reports.labels import labels
from reports.sections.section import PagePart, Report, Section
from results import provenance
from results.history import METHOD_VERSION
from results.metrics.statistics import INTERVAL_SAMPLES
from results.plan import TrialPlan
from results.result import RunResult


def checks(run: RunResult, comparisons: Sequence[Comparison]) -> Iterator[Check]:
    """What makes the results of a run comparable, and what limits it."""
    if run.machine is not None:
        yield Check(True, f"One machine for all: {units.machine(run.machine)}. One engine ran at a time.")
    yield from _origin(run)
    yield from _methods(run)
    plans = [case.asked for case in run.cases if case.asked is not None]
    if plans:
        yield _same_events(plans)
    if len({comparison.log for comparison in comparisons}) > 1:
        yield Check(False, "Results over different logs stand in tables of their own and must not be compared.")
    yield from (Check(False, said) for said in _noted(comparisons))
    tuned = [row for comparison in comparisons for row in comparison.ran if row.settings]
    if tuned:
        listed = words(dict.fromkeys(f"{row.name} ({len(row.settings)})" for row in tuned))
        yield Check(True, f"Settings beyond an engine's defaults are listed below: {listed}.")
    if any(comparison.ran and comparison.fault == "none" for comparison in comparisons):
        yield Check(False, UNTESTED)
    yield _trials(comparisons)


def _noted(comparisons: Sequence[Comparison]) -> list[str]:
    """Each note once, after all the cases that it is said of."""
    notes: dict[str, dict[str, list[str]]] = {}
    for label, comparison in zip(labels(comparisons), comparisons, strict=True):
        for row in comparison.ran:
            for note in (*row.notes, *row.isolation):
                notes.setdefault(note, {}).setdefault(row.name, []).append(label)
    return [f"{words(map(_with_tables, said.items()))}: {note}" for note, said in notes.items()]


def _with_tables(named: tuple[str, list[str]]) -> str:
    """An engine, and in which of several tables."""
    name, tables = named
    told = "; ".join(label for label in tables if label)
    return f"{name} ({told})" if told else name


def _trials(comparisons: Sequence[Comparison]) -> Check:
    trials = {len(row.trials) for comparison in comparisons for row in comparison.ran}
    if not trials or max(trials) == 1:
        return Check(False, "One trial each: speeds are orders of magnitude, and are not ranked.")
    told = f"{min(trials)} trials each, in shuffled blocks: figures are medians"
    if min(trials) < INTERVAL_SAMPLES:
        return Check(False, f"{told}. Of fewer than {INTERVAL_SAMPLES} trials nothing is ranked.")
    return Check(True, f"{told} with their 95 % intervals; where these overlap nothing is ranked.")


def _origin(run: RunResult) -> Iterator[Check]:
    """When, and by which code."""
    told = provenance.of(run)
    if told.started is None:
        return
    by = ", ".join(filter(None, (told.versions.get(provenance.OWN, ""), provenance.commit(told.checkout))))
    unchanged = told.checkout is None or not told.checkout.dirty
    yield Check(unchanged, f"Recorded from {told.started} on, by Streamgauge {by or 'of an unknown version'}.")


def _methods(run: RunResult) -> Iterator[Check]:
    versions = sorted({run.method_version, *(case.method_version for case in run.cases)})
    if versions != [METHOD_VERSION]:
        known = words(map(str, versions))
        yield Check(False, f"Judged by method version {known}, while this report is made by version {METHOD_VERSION}.")


def _same_events(plans: Sequence[TrialPlan]) -> Check:
    seeds = {(plan.seed, plan.partitions, plan.event_rate) for plan in plans}
    if len(seeds) == 1:
        ((seed, partitions, _),) = seeds
        return Check(
            True, f"The same events for all (seed {seed}), in {partitions} partitions of the same kind of log."
        )
    return Check(False, "The engines were not given the same events.")


def _page(report: Report) -> Iterator[Element]:
    yield Checks(tuple(checks(report.run, report.comparisons)))


section = Section("comparability", page=PagePart("Can these be compared?", 50, _page, short_title="Comparability"))
