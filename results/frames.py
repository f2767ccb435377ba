"""A run as tables, for who goes on to compute with it: cases, metrics, time series, strikes, probes. Where its
histories are there, also every result with its latency, and the samples of CPU and memory.

Times count from the beginning of a trial's paced phase, in seconds, so that results, strikes and samples lie on one
axis. Latencies are in seconds too; metrics are as in result.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from results.evidence.completeness import incomplete
from results.evidence.phases import phases, unfinished
from results.evidence.regenerated import CannotJudge
from results.folder import LeadsOutside, within
from results.history import METHOD_VERSION, DamagedHistory, History
from results.metrics.basis import Basis
from results.metrics.latency import counted
from results.metrics.latency_parts import Parts, parts
from results.plan import POLLED
from results.result import CaseResult, CheckedThreshold, ProbeResult, RunResult, StrikeResult, Subject
from results.store import CASES
from results.verdict.matching import NEVER
from results.verdict.slices import examine
from workloads.stream import Integers
from workloads.workload import Unfit

_KEYS = pa.schema(
    [
        *((name, pa.string()) for name in ("engine", "mode", "set_up", "workload", "log", "fault", "guarantee")),
        ("phase", pa.string()),
        ("trial", pa.string()),
        ("trial_number", pa.int64()),
    ]
)
"""The first columns of every table: of which case a row is. `trial` and `phase` together name one."""

_COUNTS = ("match", "missing", "duplicate", "wrong", "unexpected", "late_dropped")
_CLAIMS = ("processing_claimed", "processing_seen", "delivery_claimed", "delivery_seen")

CASE = pa.schema(
    [
        *_KEYS,
        ("outcome", pa.string()),
        ("reason", pa.string()),
        *((name, pa.int64()) for name in _COUNTS),
        *((name, pa.string()) for name in _CLAIMS),
        ("engine_version", pa.string()),
        ("store", pa.string()),
        ("method_version", pa.int64()),
        ("notes", pa.string()),
    ]
)
METRIC = pa.schema(
    [
        *_KEYS,
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("better", pa.string()),
        ("n", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("in_brackets", pa.string()),
        ("absent", pa.string()),
    ]
)
"""A row for each metric that is there, and for each that is absent, whose value is null and `absent` says why.
in_brackets: why a value says less than it seems to; empty where it stands as it is."""

SERIES = pa.schema(
    [
        *_KEYS,
        ("series", pa.string()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("x_label", pa.string()),
        ("y_label", pa.string()),
    ]
)


def _arrow(annotation: Any) -> pa.DataType:
    """The type of a column for a field of a model, which may be None."""
    for kind, arrow in ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64())):
        if annotation is kind or kind in get_args(annotation):
            return arrow
    return pa.string()


STRIKE = pa.schema(
    [
        *(field for field in _KEYS if field.name != "fault"),
        *((name, _arrow(field.annotation)) for name, field in StrikeResult.model_fields.items()),
    ]
)
"""As `results.result.StrikeResult`; `number` counts the strikes of a trial."""

PROBE = pa.schema([*_KEYS, *((name, _arrow(field.annotation)) for name, field in ProbeResult.model_fields.items())])
"""As `results.result.ProbeResult`; `number` counts the probes of a trial."""

THRESHOLD = pa.schema(
    [
        *(field for field in _KEYS if field.name not in ("trial", "trial_number")),
        *(
            (name, pa.string() if name == "trials" else _arrow(field.annotation))
            for name, field in CheckedThreshold.model_fields.items()
            if name not in Subject.model_fields
        ),
    ]
)
"""As `results.result.CheckedThreshold`; `trials` are joined by commas."""

RESULT = pa.schema(
    [
        *_KEYS,
        ("key", pa.string()),
        ("final_s", pa.float64()),
        ("last_event_s", pa.float64()),
        ("visible_s", pa.float64()),
        ("latency_s", pa.float64()),
        ("event_latency_s", pa.float64()),
        ("until_append_s", pa.float64()),
        ("commit_wait_s", pa.float64()),
    ]
)
"""A row for each result that latency counts (METHOD.md, "Latency"). final_s: when the event that makes it final is
planned; last_event_s: when its last event is; visible_s: when it could first be read, null if it never could. latency_s
is from final_s until then, and the sum of until_append_s and commit_wait_s where these can be told. What else names a
result, such as the start and end of its window, are further columns."""

SAMPLE = pa.schema(
    [
        *_KEYS,
        ("at_s", pa.float64()),
        ("role", pa.string()),
        ("pid", pa.int64()),
        ("cpu_s", pa.float64()),
        ("rss_bytes", pa.int64()),
        ("pss_bytes", pa.int64()),
    ]
)
"""As `results.history.SAMPLES`; negative times are of what was before the paced phase."""


@dataclass(frozen=True)
class Frames:
    """The tables by name, and why what could not be told of a trial is not in them, each in a line."""

    tables: dict[str, pa.Table]
    lacking: list[str]


def frames(run: RunResult, folder: Path | None) -> Frames:
    """The tables of a run. folder: the run's own, with its histories; None where there is the result alone."""
    lacking: list[str] = []
    tables = {
        "cases": _table(CASE, map(_case, run.cases)),
        "metrics": _table(METRIC, (line for case in run.cases for line in _metrics(case))),
        "series": _series(run.cases),
        "strikes": _table(STRIKE, (line for case in run.cases for line in _strikes(case))),
        "probes": _table(PROBE, (line for case in run.cases for line in _probes(case))),
        "thresholds": _table(THRESHOLD, map(_threshold, run.thresholds)),
        "rows": _of_histories(RESULT, run, folder, _results, lacking),
        "samples": _of_histories(SAMPLE, run, folder, _samples, lacking),
    }
    return Frames(tables, lacking)


def _table(schema: pa.Schema, lines: Iterable[Mapping[str, Any]]) -> pa.Table:
    # A result may come from anyone, and may have a number that no column holds.
    return pa.Table.from_pylist([{name: _held(value) for name, value in line.items()} for line in lines], schema=schema)


def _held(value: Any) -> Any:
    return None if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _keys(case: CaseResult) -> dict[str, Any]:
    own = {name: getattr(case, name) for name in _KEYS.names if name != "set_up"}
    return own | {"set_up": ", ".join(case.set_up.parts)}


def _case(case: CaseResult) -> dict[str, Any]:
    told = {name: getattr(case, name) for name in CASE.names if name in CaseResult.model_fields and name != "set_up"}
    claims = {
        f"{what}_{which}": getattr(guarantee, which)
        for what, guarantee in (("processing", case.processing), ("delivery", case.delivery))
        if guarantee is not None
        for which in ("claimed", "seen")
    }
    return told | _keys(case) | case.verdict.model_dump() | claims | {"notes": "\n".join(case.notes)}


def _metrics(case: CaseResult) -> Iterator[dict[str, Any]]:
    keys = _keys(case)
    for name, value in case.metrics.items():
        told = value.model_dump(exclude={"bracketed"})
        yield keys | told | {"metric": name, "in_brackets": "; ".join(value.bracketed)}
    for name, why in case.absent.items():
        if name not in case.metrics:
            yield keys | {"metric": name, "absent": why}


def _series(cases: Iterable[CaseResult]) -> pa.Table:
    found = [SERIES.empty_table()]
    for case in cases:
        for each in case.series:
            told = {"series": each.name, "x_label": each.x_label, "y_label": each.y_label}
            # Points are pairs: one without its other is none.
            columns = {"x": each.x[: len(each.y)], "y": each.y[: len(each.x)]}
            found.append(_filled(SERIES, _keys(case) | told, columns))
    return pa.concat_tables(found)


def _strikes(case: CaseResult) -> Iterator[dict[str, Any]]:
    keys = _keys(case)
    for strike in case.strikes:
        yield keys | strike.model_dump()


def _probes(case: CaseResult) -> Iterator[dict[str, Any]]:
    keys = _keys(case)
    for probe in case.probes:
        yield keys | probe.model_dump()


def _threshold(check: CheckedThreshold) -> dict[str, Any]:
    told = check.model_dump(exclude={"set_up", "trials"})
    return told | {"set_up": ", ".join(check.set_up.parts), "trials": ", ".join(check.trials)}


def _filled(schema: pa.Schema, same: Mapping[str, Any], columns: Mapping[str, Any]) -> pa.Table:
    """A table of these columns; what is the same in every row is given once."""
    length = len(next(iter(columns.values())))
    made = [
        pa.array(columns[field.name], type=field.type, from_pandas=True)
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), type=field.type), length)
        for field in schema
    ]
    return pa.Table.from_arrays(made, schema=schema)


_Read = Callable[[CaseResult, History], pa.Table | str]
"""What a history has of a table, or why it has nothing, in a line."""


def _of_histories(schema: pa.Schema, run: RunResult, folder: Path | None, read: _Read, lacking: list[str]) -> pa.Table:
    found = [schema.empty_table()]
    name = "rows" if schema is RESULT else "samples"
    for case in _one_a_trial(run.cases):
        made = _of_history(case, folder, read)
        if isinstance(made, str):
            lacking.append(f"{case.trial}: no {name}: {made}")
        else:
            found.append(made)
    return pa.concat_tables(found, promote_options="default")


def _of_history(case: CaseResult, folder: Path | None, read: _Read) -> pa.Table | str:
    """What a trial's history has, or why it has nothing: one that cannot be read is no reason to lack the others."""
    try:
        there = None if folder is None else within(folder, CASES, case.trial)
        if there is None or not there.is_dir():
            return "its history is not there"
        history = History(there)
        if history.plan.method_version > METHOD_VERSION:
            return f"recorded by method version {history.plan.method_version}; this one knows {METHOD_VERSION}"
        return read(case, history)
    except LeadsOutside as error:
        return f"{error.what}, and is not followed"
    except DamagedHistory as error:
        return f"damaged history: {error.what}"
    except CannotJudge as error:
        return str(error)
    except Unfit as error:
        return f"the events cannot be made again: {error.what}"
    except Exception as error:
        return f"it cannot be read: {type(error).__name__}: {error}"


def _one_a_trial(cases: Iterable[CaseResult]) -> list[CaseResult]:
    """Of each trial that ran the first case, which is of the paced phase where there is one."""
    first: dict[str, CaseResult] = {}
    for case in cases:
        if case.outcome in ("pass", "fail", "unknown") and case.trial:
            first.setdefault(case.trial, case)
    return list(first.values())


def _began_ns(history: History) -> int:
    """When the paced phase began, monotonic; without one, when the first phase did, or the trial."""
    began = phases(history)
    starts = [phase.start_ns for phase in began if phase.kind == "paced"] or [phase.start_ns for phase in began]
    return min(starts, default=history.plan.clock.monotonic_ns)


def _samples(case: CaseResult, history: History) -> pa.Table | str:
    table = history.table("samples")
    at_s = (table["at_ns"].to_numpy() - _began_ns(history)) / 1e9
    columns = {name: table[name].combine_chunks() for name in ("role", "pid", "cpu_s", "rss_bytes", "pss_bytes")}
    return _filled(SAMPLE, _keys(case), {"at_s": at_s, **columns})


def _results(case: CaseResult, history: History) -> pa.Table | str:
    if case.phase != "paced":
        return "it had no paced load"
    if case.outcome == "unknown":
        return f"the outcome is unknown: {case.reason}"
    if history.plan.polled:
        return f"none: {POLLED}"
    began, why = phases(history), unfinished(history)
    missing = incomplete(history)
    if why is not None or missing:
        return why or missing[0]
    with ExitStack() as until:
        seen = examine(history, began, until).seen
        basis = Basis(history, "paced", [phase for phase in began if phase.kind == "paced"], None, seen, None)
        return _latencies(case, basis)


def _latencies(case: CaseResult, basis: Basis) -> pa.Table:
    rows, seen, told = counted(basis), basis.seen, parts(basis)
    there = rows.visible_ns != NEVER
    visible_s = np.where(there, (rows.visible_ns - basis.phases[0].start_ns) / 1e9, np.nan)
    final_s, last_event_s = rows.final_ns / 1e9, rows.last_ns / 1e9
    due = seen.matching.due.take(rows.due)
    unknown = np.full(len(rows.due), np.nan)
    engine_s, commit_s = (unknown, unknown) if isinstance(told, str) else _in_seconds(told)
    table = _filled(
        RESULT,
        _keys(case),
        {
            "key": [seen.labels[key] for key in due.keys.tolist()],
            "final_s": final_s,
            "last_event_s": last_event_s,
            "visible_s": visible_s,
            "latency_s": visible_s - final_s,
            "event_latency_s": visible_s - last_event_s,
            "until_append_s": engine_s,
            "commit_wait_s": commit_s,
        },
    )
    return _with_identity(table, seen.stream.query.identity, due.identity)


def _in_seconds(told: Parts) -> tuple[Any, Any]:
    return told.engine_ns / 1e9, told.commit_ns / 1e9


def _with_identity(table: pa.Table, names: Iterable[str], lines: Integers) -> pa.Table:
    """names: those of what names a result beside its key. One that a column of ours has already stands behind it."""
    for name, values in zip(names, lines, strict=True):
        shown = f"{name}_of_result" if name in table.column_names else name
        table = table.append_column(shown, pa.array(values, type=pa.int64()))
    return table
