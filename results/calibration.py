"""What the harness itself takes, and which results are too near to that to say much (METHOD.md, "Calibration")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from results.evidence.completeness import incomplete
from results.evidence.machine import MachineSamples, NothingRecorded
from results.evidence.phases import Phase, phases, unfinished
from results.evidence.samples import NoSamples
from results.folder import LeadsOutside, within
from results.history import DamagedHistory, History
from results.metrics import drain, foreign, latency
from results.metrics.measured import Measured
from results.metrics.metric import Metric
from results.metrics.statistics import PERCENTILES, percentile
from results.plan import CALIBRATION, Paced, TrialPlan
from results.result import Calibration, CaseResult
from workloads.stream import Integers

CEILING_SHARE = 0.5
"""A drain rate above this share of the ceiling is marked."""

FLOOR_TIMES = 2.0
"""A latency within so many times the floor is marked."""

_FLOORS = ("p50", "p99")
_SAME = ("workload", "parameters", "log", "seed", "partitions", "parallelism", "event_rate")
"""What a calibration and a result must have been asked alike."""


class _Row(msgspec.Struct):
    partition: int
    number: int


def calibrations(folder: Path, workloads: Sequence[str]) -> list[Calibration]:
    """Of a run in `folder`, what was measured for each of its workloads; those that failed or are damaged say why."""
    found = []
    for name in dict.fromkeys(workloads):
        try:
            path = within(folder, CALIBRATION, name)
            if path.is_dir():
                found.append(measured(History(path)))
        except LeadsOutside as error:
            found.append(Calibration(workload=name, lacking=f"not known: {error.what}, and is not followed"))
        except DamagedHistory as damage:
            found.append(Calibration(workload=name, lacking=damage.within(folder)))
        except Exception as error:
            # The cases are judged all the same.
            why = f"the judge crashed: {type(error).__name__}: {error}".splitlines()[0]
            found.append(Calibration(workload=name, lacking=why))
    return found


def measured(history: History) -> Calibration:
    """The floor and the ceiling that the history of the echo shows. Raises DamagedHistory."""
    plan = history.plan
    lacking = [*([why] if (why := unfinished(history)) else []), *incomplete(history)]
    if lacking:
        return Calibration(workload=plan.workload, asked=plan, lacking=lacking[0])
    ids, visible_ns = _rows(history)
    began = phases(history)
    paced, drains = ([phase for phase in began if phase.kind == kind] for kind in ("paced", "drain"))
    floors = _floors(paced[0], plan.paced, ids, visible_ns) if paced and plan.paced else {}
    ceiling = _ceiling(drains[-1], ids, visible_ns) if drains else None
    return Calibration(
        workload=plan.workload,
        asked=plan,
        rows=len(ids),
        floor_p50_ms=floors.get("p50"),
        floor_p99_ms=floors.get("p99"),
        ceiling=ceiling,
        disturbed=_disturbed(history, began),
    )


def _disturbed(history: History, began: Sequence[Phase]) -> str:
    """What took so much of the machine meanwhile that the figures are not the harness's own; empty for nothing."""
    until_ns = max((phase.complete_ns or 0 for phase in began), default=0)
    try:
        spell = MachineSamples(history).between(min(phase.start_ns for phase in began), until_ns)
    except NothingRecorded:
        return ""
    except NoSamples as none:
        return f"whether other work took CPU is not known: {none}"
    return foreign.judged(spell, "the calibration").speeds


def _rows(history: History) -> tuple[Integers, Integers]:
    """For each row of the echo the id of the event that it was written for, and when it was visible."""
    given = history.table("input", ["partition", "offset", "id"])
    given = given.sort_by([("partition", "ascending"), ("offset", "ascending")])
    partitions, ids = given["partition"].to_numpy(), given["id"].to_numpy()
    firsts = np.searchsorted(partitions, np.arange(history.plan.partitions + 1))
    output = history.table("output", ["visible_ns", "value"])
    try:
        rows = [msgspec.json.decode(value, type=_Row) for value in output["value"].to_pylist()]
    except (msgspec.DecodeError, TypeError) as error:
        raise DamagedHistory(f"a row is not one of the echo: {error}", history.folder / "output") from error
    own, number = (np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in ("partition", "number"))
    inside = (own >= 0) & (own < history.plan.partitions)
    places = firsts[np.where(inside, own, 0)] + number
    if not np.all(inside & (number >= 0) & (places < firsts[np.where(inside, own, 0) + 1])):
        raise DamagedHistory("a row is for an event that is not in the input", history.folder / "output")
    return np.asarray(ids[places], dtype=np.int64), output["visible_ns"].to_numpy()


def _floors(phase: Phase, paced: Paced, ids: Integers, visible_ns: Integers) -> dict[str, float]:
    """Percentiles in ms of the latency of rows whose event is planned in the measured part: of each second of it, and
    the median of these. A moment in which something stood still is no floor. None of no row.
    """
    segment = phase.segment
    mine = (ids >= segment.first) & (ids < segment.first + segment.count)
    planned_ns = segment.planned_ns(ids[mine], paced.rate)
    latencies = visible_ns[mine] - phase.start_ns - planned_ns
    seconds = (planned_ns - int(paced.warmup_s * 1e9)) // 1_000_000_000
    counts = (seconds >= 0) & (planned_ns < paced.duration_s * 1e9)
    each = [np.sort(latencies[counts & (seconds == second)]) for second in np.unique(seconds[counts])]
    if not each:
        return {}
    return {
        suffix: round(float(np.median([percentile(one, PERCENTILES[suffix]) for one in each])) / 1e6, 6)
        for suffix in _FLOORS
    }


def _ceiling(phase: Phase, ids: Integers, visible_ns: Integers) -> float | None:
    """Events a second from the release of a backlog until the last row that was written for it could be read."""
    mine = visible_ns[(ids >= phase.segment.first) & (ids < phase.segment.first + phase.segment.count)]
    if phase.committed_ns is None or not len(mine) or mine.max() <= phase.committed_ns:
        return None
    return round(float(phase.segment.count / ((mine.max() - phase.committed_ns) / 1e9)), 3)


def marked(case: CaseResult, found: Sequence[Calibration]) -> CaseResult:
    """The result, with brackets about what is too near to what the harness itself can do to be the engine's alone."""
    own = next((each for each in found if case.asked and each.asked and _alike(case.asked, each.asked)), None)
    # By one that was disturbed nothing is marked: it says less than the harness can do.
    if own is None or own.disturbed:
        return case
    beside = Measured(metrics=dict(case.metrics))
    for metric, why in _too_near(case, own):
        beside.bracket([metric], why)
    if not beside.notes:
        return case
    changed = {"metrics": beside.metrics, "notes": [*case.notes, *beside.notes]}
    return case.model_copy(update=changed | {"reason": "; ".join([case.reason, *beside.notes])})


def _alike(one: TrialPlan, other: TrialPlan) -> bool:
    rates = [plan.paced.rate if plan.paced else None for plan in (one, other)]
    return rates[0] == rates[1] and all(getattr(one, name) == getattr(other, name) for name in _SAME)


def _too_near(case: CaseResult, own: Calibration) -> list[tuple[Metric, str]]:
    near = []
    rate = case.metrics.get(drain.RATE.name)
    if rate is not None and own.ceiling is not None and rate.value > CEILING_SHARE * own.ceiling:
        near.append((drain.RATE, f"the drain rate is {rate.value / own.ceiling:.0%} of what the harness itself can do"))
    for suffix, floor in (("p50", own.floor_p50_ms), ("p99", own.floor_p99_ms)):
        value = case.metrics.get(latency.RESULT[suffix].name)
        if value is not None and floor is not None and floor > 0 and value.value <= FLOOR_TIMES * floor:
            times = f"{value.value / floor:.1f}"
            near.append((latency.RESULT[suffix], f"the {suffix} is {times} times what the harness itself takes"))
    return near
