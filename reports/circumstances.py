"""What two rows of different results must have alike for their figures to be compared, and what else is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from reports import units
from reports.comparison import Row, words
from results import provenance
from results.plan import Drain, Paced, Search, Strikes, TrialPlan
from results.result import CaseResult

_OF_THE_RUN = re.compile(r"\bsg-[^\s,;]*")
"""What an engine is given to tell one run's topics and transactions from another's."""

_MOST = 60
"""Characters of a value that are shown."""

Told = Callable[[CaseResult, TrialPlan], Iterator[tuple[str, str]]]
"""What is told of a trial: names, and a value each."""


def incomparable(one: Row, other: Row) -> list[str]:
    """Why the figures of two rows cannot be compared, each in a line; empty where all is alike that must be."""
    untold = [when for when, row in (("before", one), ("after", other)) if row.ran and row.asked is None]
    if untold:
        return [f"what was asked is not told: {words(untold)}"]
    return _unlike(one, other, _alike)


def differences(one: Row, other: Row) -> list[str]:
    """What is not alike and may be compared all the same: it may be what the figures differ by."""
    return _unlike(one, other, _told)


def _unlike(one: Row, other: Row, told: Told) -> list[str]:
    mine, its = _values(one, told), _values(other, told)
    if not mine or not its:
        return []
    found = []
    for name in dict.fromkeys((*mine, *its)):
        first, second = mine.get(name, ["not set"]), its.get(name, ["not set"])
        if set(first) != set(second) or len(first) > 1:
            found.append(f"{name}: {_shown(first)} before, {_shown(second)} after")
    return found


def _values(row: Row, told: Told) -> dict[str, list[str]]:
    """By what is told, each value that a trial of the row has of it, once."""
    found: dict[str, dict[str, None]] = {}
    for case in row.cases:
        for name, value in told(case, case.asked) if case.asked is not None else ():
            found.setdefault(name, {})[value] = None
    return {name: list(values) for name, values in found.items()}


def _shown(values: list[str]) -> str:
    return words(value if len(value) <= _MOST else f"{value[:_MOST]}…" for value in values)


def _alike(case: CaseResult, asked: TrialPlan) -> Iterator[tuple[str, str]]:
    machine = asked.machine
    yield "method version", str(case.method_version)
    yield "recorded by method version", str(asked.method_version)
    yield "machine", f"{machine.cpu}, {machine.cores} cores, {units.size(machine.memory_bytes)}"
    yield "log", case.log
    if asked.broker is not None:
        yield "broker", f"not ours, {asked.broker.brokers} in its cluster"
        yield "replicas of a topic", str(asked.broker.replication)
        for name, wanted in asked.broker.settings.items():
            yield f"topic setting `{name}`", wanted
    yield "seed of the events", str(asked.seed)
    for name, value in asked.parameters.items():
        yield f"parameter `{name}` of the workload", str(value)
    yield "partitions", str(asked.partitions)
    yield "event time a second", f"{asked.event_rate:g} events"
    if asked.paced is not None:
        yield "steady load", _paced(asked.paced)
    if asked.drain is not None:
        yield "backlogs", _drain(asked.drain)
    if asked.search is not None:
        yield "rates that are tried", _search(asked.search)
    if asked.pinned is not None and asked.pinned.engine:
        yield "CPUs of the engine", ", ".join(map(str, asked.pinned.engine))
    if asked.strikes is not None:
        yield "strikes", _strikes(asked.strikes)
        yield "time-outs", asked.strikes.timeouts
    yield "workers", str(asked.parallelism)
    yield "memory of a worker", f"{asked.worker_memory_mb} MiB"
    yield "commit interval", f"{asked.interval_ms} ms"
    yield from _set_up(case, asked)


def _set_up(case: CaseResult, asked: TrialPlan) -> Iterator[tuple[str, str]]:
    yield "settings", asked.set_up.settings or "its only ones"
    yield "layout", asked.set_up.layout or "its only one"
    yield "store", asked.store or case.store or "not told"
    for name, value in asked.set_up.options.items():
        yield f"option `{name}`", value
    for name, value in case.settings.items():
        if name not in asked.set_up.options:
            yield f"setting `{name}`", _OF_THE_RUN.sub("(of the run)", value)


def _told(_case: CaseResult, asked: TrialPlan) -> Iterator[tuple[str, str]]:
    yield "Streamgauge", provenance.code(asked)
    for name, version in asked.versions.items():
        if name != provenance.OWN:
            yield name, version
    for name, value in asked.broker.cluster.items() if asked.broker is not None else ():
        yield f"the cluster's `{name}`", value
    yield asked.engine, asked.engine_version
    yield "kernel", asked.machine.kernel
    yield "Python", asked.machine.python


def _paced(paced: Paced) -> str:
    profile = f", {paced.profile}" if paced.profile else ""
    return f"{paced.rate:g}/s, {paced.warmup_s:g} s and {paced.measured_s:g} s{profile}"


def _drain(drain: Drain) -> str:
    least = "" if drain.backlogs is None else f"{drain.backlogs} of "
    then = f"{drain.intervals:g} intervals, up to {drain.max_events:,}"
    return f"{least}{drain.events:,} within {drain.budget_s:g} s, then {then}"


def _search(search: Search) -> str:
    shares = f", at {', '.join(f'{share:g}' for share in search.shares)} of the drain rate" if search.shares else ""
    held = f"p99 within {search.p99_intervals:g} intervals"
    return f"{search.how}, {search.probe_s:g} and {search.confirm_s:g} s, up to {search.max_rate:g}/s, {held}{shares}"


def _strikes(strikes: Strikes) -> str:
    how = f"aimed by {strikes.aim}, {strikes.hold_s:g} s long, {strikes.rows} by rows"
    return f"{strikes.wanted} of {strikes.most}, {how}"
