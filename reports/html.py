"""One self-contained HTML page for a run. It loads nothing, and everything that comes from results is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from reports import offence, summary, units
from reports.comparison import Comparison, Row, compare, late, speeds, words
from reports.figures import Figure, figures
from reports.recovery import HEAD, STRIKES_HEAD, recoveries, strikes
from results.plan import Strikes
from results.result import Offence, RunResult

_FOLDER = Path(__file__).parent

_SNIPPET = "window.vegaEmbed = vegaEmbed;"

Cells = tuple[str, ...]


@dataclass(frozen=True)
class _RowView:
    """A row of the results table, as text."""

    engine: str
    detail: str
    outcome: str
    wrong: bool
    repeated: bool
    ran: bool
    counts: str
    speeds: list[str]
    claimed: str
    seen: str
    note: str


@dataclass(frozen=True)
class _View:
    """A comparison as the page shows it; charts are numbered over the whole page."""

    comparison: Comparison
    headline: list[str]
    rows: list[_RowView]
    charts: list[tuple[int, Figure]]


def render(run: RunResult, command: str) -> str:
    """The page. command: what to type to run the same again."""
    views: list[_View] = []
    specs: list[dict[str, Any]] = []
    for comparison in compare(run):
        drawn = figures(comparison)
        numbered = list(enumerate(drawn, len(specs)))
        specs += [figure.spec for figure in drawn]
        views.append(_View(comparison, summary.headline(comparison), [_row(row) for row in comparison.rows], numbered))
    comparisons = [view.comparison for view in views]
    rows = [row for comparison in comparisons for row in comparison.rows]
    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html").render(
        run=run,
        title=summary.title(comparisons),
        views=views,
        charted=bool(specs),
        wrong=[(row.name, [_offence(found) for found in row.offences]) for row in rows if row.offences],
        checks=summary.checks(run, comparisons),
        recovery_head=HEAD,
        recoveries=[cells for comparison in comparisons for cells in recoveries(comparison)],
        strikes_head=STRIKES_HEAD,
        strikes=[cells for comparison in comparisons for cells in strikes(comparison)],
        late=[(name, text) for comparison in comparisons for name, text in late(comparison)],
        troubles=list(_troubles(rows)),
        asked=list(_asked(rows)),
        machine=list(_machine(run, rows)),
        settings=[(row.name, name, value) for row in rows for name, value in sorted(row.settings.items())],
        metrics=list(_metrics(rows)),
        command=command,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        bundle=Markup(_bundle()),  # noqa: S704 - our own libraries
        # Both are safe within a script element: no character that could end it is left.
        run_json=htmlsafe_json_dumps(run.model_dump(mode="json")),
        charts_json=htmlsafe_json_dumps(specs),
    )


@lru_cache(maxsize=1)
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    bundle: str = vl_convert.javascript_bundle(_SNIPPET)
    return bundle.replace("</script", r"<\/script")


def _row(row: Row) -> _RowView:
    counts = row.counts
    shown = (counts["missing"], counts["duplicate"], counts["wrong"] + counts["unexpected"])
    version = row.first.engine_version
    mode = "" if row.first.mode == "default" else row.first.mode
    return _RowView(
        engine=row.engine,
        detail=" · ".join(part for part in (version, mode) if part),
        outcome=row.outcome,
        wrong=row.suspect,
        repeated=row.allowed,
        ran=row.ran,
        counts=" / ".join(f"{count:,}" for count in shown) if any(counts.values()) else units.NONE,
        speeds=speeds(row),
        claimed=row.claimed,
        seen=row.seen_in_words,
        note="; ".join(row.claim_notes),
    )


def _offence(found: Offence) -> Cells:
    ids = offence.ids(found) if found.ids else units.NONE
    place = ", ".join(part for part in (offence.window(found), offence.names(found)) if part) or units.NONE
    key = units.NONE if found.key is None else found.key
    return (offence.what(found), found.phase, key, place, ids, found.explanation)


def _troubles(rows: Sequence[Row]) -> Iterator[Cells]:
    """Why phases did not pass and metrics are absent; what two phases share is said once."""
    for row in rows:
        told: dict[tuple[str, str], list[str]] = {}
        for case in row.cases:
            if case.outcome != "pass":
                told.setdefault((case.outcome, case.reason), []).append(case.phase)
        for (outcome, why), phases in told.items():
            yield row.name, ", ".join(phases), outcome, why
        for why, names in row.absences.items():
            yield row.name, units.NONE, f"no {words(names)}", why


def _asked(rows: Sequence[Row]) -> Iterator[Cells]:
    """What was asked of every engine, from the first trial's plan; a value that differs is said with its engines."""
    plans = [(row.name, plan) for row in rows if (plan := row.asked)]
    table: dict[str, dict[str, list[str]]] = {}
    for name, plan in plans:
        asked = {
            "workload": plan.workload,
            **{f"{plan.workload}.{key}": str(value) for key, value in plan.parameters.items()},
            "seed": str(plan.seed),
            "log": plan.log,
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
            asked["paced"] = f"{plan.paced.rate:,.10g} events/s, {lasted}"
        if plan.drain:
            asked["drain"] = (
                f"from {plan.drain.events:,} events, doubled until one lasts {plan.drain.intervals:g} intervals, "
                f"{plan.drain.budget_s:g} s or {plan.drain.max_events:,} events are reached"
            )
        for key, value in asked.items():
            table.setdefault(key, {}).setdefault(value, []).append(name)
    for key, values in table.items():
        if len(values) == 1:
            yield key, next(iter(values))
        else:
            yield key, "; ".join(f"{value} ({', '.join(names)})" for value, names in values.items())


def _strikes(asked: Strikes) -> str:
    held = f", each held for {asked.hold_s:g} s" if asked.hold_s else ""
    return f"{asked.wanted} exposed of at most {asked.most}, aimed by {asked.aim}{held}, {asked.timeouts} time-outs"


def _machine(run: RunResult, rows: Sequence[Row]) -> Iterator[Cells]:
    if run.machine is not None:
        yield "processor", f"{run.machine.cpu}, {run.machine.cores} cores"
        yield "memory", units.size(run.machine.memory_bytes)
        yield "kernel", run.machine.kernel
        yield "Python", run.machine.python
        yield "Java", run.machine.java or "none"
    versions = {name: version for row in rows if (plan := row.asked) for name, version in plan.versions.items()}
    yield from sorted(versions.items())
    yield "method version", str(run.method_version)


def _metrics(rows: Sequence[Row]) -> Iterator[Cells]:
    for row in rows:
        for case in row.cases:
            for name, metric in case.metrics.items():
                value = units.quantity(metric.value, metric.unit)
                if metric.low is not None and metric.high is not None:
                    low, high = (units.quantity(end, metric.unit) for end in (metric.low, metric.high))
                    value += f" [{low} to {high}]"
                yield row.name, case.phase, name, value, metric.better, f"{metric.n:,}" if metric.n else units.NONE
