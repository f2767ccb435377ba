"""What was asked of every engine, what each was given beyond its defaults, what it ran on, and every metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import units
from reports.comparison import Row
from reports.elements import Details, Element, Hint, SideBySide, Table
from reports.labels import labelled
from reports.sections.section import PagePart, Report, Section
from results.metrics import registry
from results.plan import Drain, ForeignBroker, Pinned, Search, Strikes, TrialPlan
from results.result import MetricValue, RunResult

_Cells = tuple[str, ...]


def _page(report: Report) -> Iterator[Element]:
    rows = report.rows
    yield Hint("What was asked of every engine, what each was given beyond its defaults, and what all of it ran on.")
    asked = Table("Asked of every engine", ("setting", "value"), list(_asked(rows)))
    machine = Table("Machine and versions", ("what", "value"), list(_machine(report.run, rows)))
    yield Details("What was asked, the machine and the versions", (SideBySide((asked, machine)),))
    # An engine stands in several tables with the same settings.
    settings = list(
        dict.fromkeys(
            (row.name, name, value, row.because.get(name, units.NONE))
            for row in rows
            for name, value in sorted(row.settings.items())
        )
    )
    if settings:
        table = Table("Settings that differ from the defaults", ("engine", "setting", "value", "why"), settings)
        summary = f"Engine settings that differ from the engine's own defaults ({len(settings)})"
        yield Details(summary, (table,))
    metrics = list(_metrics(report))
    if metrics:
        table = Table("Every metric", ("engine", "phase", "metric", "value", "better", "n"), metrics)
        there = {name for row in rows for case in row.cases for name in case.metrics}
        meanings = [(metric.name, metric.meaning) for metric in registry.metrics() if metric.name in there]
        yield Details(
            f"Every metric ({len(metrics)})", (table, Table("What each metric says", ("metric", "meaning"), meanings))
        )


def _asked(rows: Sequence[Row]) -> Iterator[_Cells]:
    """What was asked of every engine, from the first trial's plan; a value that differs is said with its engines."""
    table: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for key, value in _settings(row.asked).items() if row.asked else ():
            named = table.setdefault(key, {}).setdefault(value, [])
            if row.name not in named:
                named.append(row.name)
    for key, values in table.items():
        if len(values) == 1:
            yield key, next(iter(values))
        else:
            yield key, "; ".join(f"{value} ({', '.join(names)})" for value, names in values.items())


def _settings(plan: TrialPlan) -> dict[str, str]:
    asked = {
        "workload": plan.workload,
        **{f"{plan.workload}.{key}": str(value) for key, value in plan.parameters.items()},
        "seed": str(plan.seed),
        "log": plan.log,
        **(_broker(plan.broker) if plan.broker else {}),
        "partitions": str(plan.partitions),
        "parallelism": str(plan.parallelism),
        "interval": units.milliseconds(plan.interval_ms),
        "worker memory": units.size(plan.worker_memory_mb * 1024**2),
        "guarantee": plan.guarantee,
        "fault": plan.fault,
        **({"strikes": _strikes(plan.strikes)} if plan.strikes else {}),
    }
    if plan.paced:
        lasted = f"{plan.paced.warmup_s:g} s warm-up, {plan.paced.measured_s:g} s measured"
        profile = f", {plan.paced.profile}" if plan.paced.profile else ""
        asked["paced"] = f"{plan.paced.rate:,.10g} events/s{profile}, {lasted}"
    if plan.drain:
        asked["drain"] = _drain(plan.drain)
    if plan.pinned:
        asked["CPUs"] = _pinned(plan.pinned)
    if plan.search:
        asked["probes"] = _search(plan.search)
    return asked


def _broker(told: ForeignBroker) -> dict[str, str]:
    """What is said of a cluster that is not ours, and of the topics on it."""
    asked = ", ".join(f"{name}={value}" for name, value in sorted(told.settings.items()))
    found = ", ".join(f"{name}={value}" for name, value in sorted(told.cluster.items()))
    return {
        "broker": f"not ours: a cluster of {told.brokers}",
        "topics": f"replication factor {told.replication}, {asked}: asked for, and read back",
        "settings of the brokers": found or "not told",
    }


def _pinned(told: Pinned) -> str:
    if told.why:
        return told.why
    engine, rest = (", ".join(map(str, cpus)) for cpus in (told.engine, told.rest))
    return f"the engine on {engine}; broker and instruments on {rest}"


def _search(asked: Search) -> str:
    how = "for the sustained rate" if asked.how == "search" else f"at {len(asked.shares)} shares of the drain's rate"
    lasting = f"of {asked.probe_s:g} s, and of {asked.confirm_s:g} s to confirm, after {asked.settle_s:g} s each"
    return f"{how}, {lasting}; p99 within {asked.p99_intervals:g} commit intervals"


def _drain(asked: Drain) -> str:
    if asked.backlogs is None:
        how = f"from {asked.events:,} events, doubled until one lasts"
        return f"{how} {asked.intervals:g} intervals, {asked.budget_s:g} s or {asked.max_events:,} events are reached"
    equal = f"{asked.events:,} events until it is warm ({asked.backlogs} times at least, {asked.budget_s:g} s)"
    return f"{equal}, then for {asked.intervals:g} intervals (at most {asked.max_events:,} events)"


def _strikes(asked: Strikes) -> str:
    held = f", each held for {asked.hold_s:g} s" if asked.hold_s else ""
    return f"{asked.wanted} exposed of at most {asked.most}, aimed by {asked.aim}{held}, {asked.timeouts} time-outs"


def _machine(run: RunResult, rows: Sequence[Row]) -> Iterator[_Cells]:
    if run.machine is not None:
        yield "processor", f"{run.machine.cpu}, {run.machine.cores} cores"
        yield "memory", units.size(run.machine.memory_bytes)
        yield "kernel", run.machine.kernel
        yield "Python", run.machine.python
        yield "Java", run.machine.java or "none"
    versions = {name: version for row in rows if (plan := row.asked) for name, version in plan.versions.items()}
    yield from sorted(versions.items())
    yield "method version", str(run.method_version)


def _metrics(report: Report) -> Iterator[_Cells]:
    for named, _, row in labelled(report.comparisons):
        for case in row.cases:
            for name, metric in case.metrics.items():
                n = f"{metric.n:,}" if metric.n else units.NONE
                yield named, case.phase, name, _value(metric), metric.better, n


def _value(metric: MetricValue) -> str:
    value = units.quantity(metric.value, metric.unit)
    if metric.low is None or metric.high is None:
        return value
    low, high = (units.quantity(end, metric.unit) for end in (metric.low, metric.high))
    return f"{value} [{low} to {high}]"


section = Section("settings", page=PagePart("Settings and versions", 80, _page, short_title="Settings"))
