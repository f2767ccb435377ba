"""What the harness itself takes: a trial of the echo, which has nothing to compute, before the first case of a run.

It gives the least latency and the highest rate that anything could show here (METHOD.md, "Calibration"). It is recorded
as a history in the run's folder, and kept under the home folder for a day.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engines.echo import Due, echo
from engines.protocol import Guarantee
from harness.display import Display
from harness.equipment import Equipment
from harness.failure import TrialFailure
from harness.provisioning import home
from harness.readback import read_back
from harness.trial import CLOSING_LEAD_MS, Trial
from results import manifest
from results.history import METHOD_VERSION, TRIAL, Complete, DamagedHistory, Ended, History, stored_in
from results.plan import CALIBRATION, KEPT, CasePlan, Drain, Machine, Paced, SetUp
from results.warmth import Drained
from workloads import oracle
from workloads.query import SqlAnswer
from workloads.stream import Segment
from workloads.workload import Keeping, Workload

FRESH_S = 86_400.0
"""How long a calibration is believed: a day."""

WARMUP_S, MEASURED_S = 1.0, 5.0
BACKLOGS = (200_000, 600_000)
"""The first finds the broker cold, or the echo; the last one is measured."""

SAMPLE_EVENTS = 100_000
"""How many rows are due for each event is counted on so many."""

_GUARANTEE: Guarantee = "at-least-once"
"""Rows leave at once: waiting for a commit is an engine's affair."""
_STILL_S = 0.5
_PATIENCE_S = 30.0
_ANSWER_S = 60.0


Equip = Callable[[CasePlan, Path, ExitStack], tuple[Workload, Equipment]]
"""What a calibration takes place with: its plan, the folder of its history, and the stack that closes all of it."""


def asked(cases: Iterable[CasePlan]) -> list[CasePlan]:
    """The calibrations before these cases: for each workload a short load at their rate, and backlogs, for the echo."""
    first: dict[str, CasePlan] = {}
    for case in cases:
        first.setdefault(case.workload, case)
    return [_plan(case) for case in first.values()]


def calibrate(plan: CasePlan, history: Path, kept: Path, prefix: str, equip: Equip, display: Display) -> None:
    """Leave the history of a calibration in the run's folder: the run's own, one of the last day, or a new one.

    kept: where that of the last day is. A calibration that fails leaves a history that says so, and the run goes on:
    then nothing is known of the harness's limits. Raises NotStored.
    """
    if complete(history):
        return
    with stored_in(history):
        if fresh(kept):
            copy(kept, history)
            return
        # What a run that was cut off left of it.
        shutil.rmtree(history, ignore_errors=True)
        history.mkdir(parents=True)
    with ExitStack() as stack:
        workload, equipment = equip(plan, history, stack)
        EchoTrial(plan, workload, equipment, prefix, display).conduct()
    done = complete(history)
    display.finished(plan.name, "calibrated" if done else f"not calibrated: see {history}")
    if done:
        with suppress(OSError):  # The run has it, and the next one measures it again.
            copy(history, kept)
            _prune(kept.parent)


def _plan(case: CasePlan) -> CasePlan:
    steady = case.paced.model_copy(update={"profile": "", "curve": ()}) if case.paced else None
    changed = {
        "engine": echo.name,
        "mode": "default",
        "guarantee": _GUARANTEE,
        "trial_number": None,
        "strikes": None,
        "set_up": SetUp(),
        "search": None,
        "paced": steady and Paced(rate=steady.rate, warmup_s=WARMUP_S, measured_s=MEASURED_S),
        "drain": case.drain and Drain(events=BACKLOGS[0], intervals=1, budget_s=60, max_events=max(BACKLOGS)),
    }
    return case.model_copy(update=changed)


def kept(plan: CasePlan, machine: Machine, kafka: str | None) -> Path:
    """Where a calibration is kept, by all that its figures depend on. kafka: a broker that is not ours."""
    told: dict[str, Any] = {"plan": plan.model_dump(mode="json"), "machine": machine.model_dump(mode="json")}
    told |= {"kafka": kafka, "method": METHOD_VERSION, "version": echo.version}
    name = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]
    return home() / CALIBRATION / name


def complete(folder: Path) -> bool:
    """Whether a calibration is there, came to its end and is whole."""
    try:
        history = History(folder)
        found = manifest.read(history) if history.of(Ended) else None
        return found is not None and not manifest.differences(history, found)
    except (DamagedHistory, OSError):
        return False


def fresh(folder: Path) -> bool:
    """Whether one that is kept is whole, and of the last day."""
    return complete(folder) and _of_today(folder)


def _of_today(folder: Path) -> bool:
    """Whether one was made within the last day. Raises DamagedHistory."""
    age_s = time.time() - History(folder).plan.clock.wall_ns / 1e9
    return 0 <= age_s < FRESH_S


def _prune(folder: Path) -> None:
    """Remove what is kept and will not be used again."""
    for kept_one in folder.glob("[!.]*"):
        try:
            old = not _of_today(kept_one)
        except DamagedHistory:
            old = True
        if old:
            shutil.rmtree(kept_one, ignore_errors=True)


def forget(history: Path) -> None:
    """Keep a calibration no longer: one that was disturbed is measured again. history: the run's."""
    said = (history / TRIAL).read_bytes()
    for kept_one in (home() / CALIBRATION).glob("*"):
        with suppress(OSError):
            if (kept_one / TRIAL).read_bytes() == said:
                shutil.rmtree(kept_one)


def copy(source: Path, target: Path) -> None:
    """Copy a history without its logs. The target appears whole, or not at all. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        shutil.copytree(source, partial / "copy", ignore=shutil.ignore_patterns("logs"))
        shutil.rmtree(target, ignore_errors=True)
        (partial / "copy").replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class EchoTrial(Trial):
    """Conducts the trial of the echo: the harness does all that it does for an engine, but for strikes and closings."""

    def __init__(self, case: CasePlan, workload: Workload, equipment: Equipment, prefix: str, display: Display) -> None:
        super().__init__(case, echo, workload, equipment, prefix, display)
        self._due = due(case, workload, equipment.folder.parent.parent / KEPT)
        self._events = 0

    def _deploy(self, stack: ExitStack) -> None:
        self._equipment.state.mkdir(parents=True, exist_ok=True)
        self._due.save(self._equipment.state)
        super()._deploy(stack)

    def _run_drains(self, drain: Drain) -> Drained:  # noqa: ARG002 - as many as it takes to measure one
        drained = [self._run_drain(f"drain-{number}", events) for number, events in enumerate(BACKLOGS, 1)]
        return drained[-1]

    def _close(self, phase: str, segment: Segment) -> int:
        """Nothing has to be closed. Wait until what is due for all events was seen and nothing more came for a while;
        when the last row came.
        """
        self._events += segment.count
        # Of each partition less than a row may be left over.
        expected = self._events * self._due.rows // self._due.events - self._case.partitions
        rows, changed_s = -1, time.monotonic()
        while True:
            status = self._collector.ask({"do": "status"}, _ANSWER_S)
            still_s = time.monotonic() - changed_s
            if status["rows"] != rows:
                rows, changed_s = status["rows"], time.monotonic()
            elif rows >= expected and still_s >= _STILL_S:
                break
            elif still_s > _PATIENCE_S:
                raise TrialFailure(f"the echo wrote {rows} of {expected} rows and then none for {_PATIENCE_S:g} s")
            self._attend()
            time.sleep(_STILL_S / 10)
        self._marks.write(Complete(at_ns=time.monotonic_ns(), phase=phase))
        self._next_id = max(self._next_id, segment.first + segment.count)
        ended_ms = segment.base_ms + segment.duration_ms + CLOSING_LEAD_MS
        self._base_ms = -(-ended_ms // self._unit_ms) * self._unit_ms
        return int(status["last_row_ns"])

    def _come_to_rest(self) -> None:
        """What the echo was given is read back: it tells which event each of its rows was written for."""
        self._phase = "reading back"
        self._say("reading back the input")
        self._record.add(read_back(self._equipment.log, self._input, self._case.partitions, self._equipment.folder))
        self._await_collector(self._end_offsets(self._output, "read_committed"))


def due(case: CasePlan, workload: Workload, kept: Path) -> Due:
    """How many rows are due for how many events, as the oracle finds on the first of them, and how long one is.

    A user's own SQL is asked by the judge alone: here each event has a row, which is rather too many than too few.
    kept: the folder with what the workload made its events of.
    """
    parameters = workload.kept(case.parameters, kept) if isinstance(workload, Keeping) else case.parameters
    query = workload.query(parameters)
    segment = Segment(0, SAMPLE_EVENTS, 0, case.event_rate)
    events = workload.events(parameters, case.seed, segment, np.arange(SAMPLE_EVENTS, dtype=np.int64))
    if isinstance(query.shape, SqlAnswer):
        made: dict[str, Any] = {"key": events.labels[0], **dict.fromkeys(query.row_fields, SAMPLE_EVENTS)}
        return Due(SAMPLE_EVENTS, SAMPLE_EVENTS, len(msgspec.json.encode(made)))
    rows = oracle.expected(query, [events])
    row = rows.slice(0, 1).select(list(query.row_fields)).to_pylist()
    shown = {"key": events.labels[0], **(row[0] if row else {})}
    return Due(max(rows.num_rows, 1), SAMPLE_EVENTS, len(msgspec.json.encode(shown)))
