"""Trials of one side, kept in a folder as the result of a run: what a later gate compares with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from results.gate.decision import SCREEN_PAIRS
from results.gate.gate_result import GateTrial
from results.gate.gated import of_run
from results.history import METHOD_VERSION
from results.plan import Machine, TrialPlan
from results.provenance import provenance
from results.result import CaseResult, RunResult
from results.store import RESULT, load, save

SIDES = ("candidate", "baseline")
"""Folders in that of a gate, with the trials of a side each."""

_OF_THE_TRIAL = {
    "name",
    "trial_number",
    "clock",
    "machine",
    "versions",
    "checkout",
    "engine_version",
    "method_version",
    "claim_note",
    "emulated",
    "roles",
}
"""What may differ between two trials that are compared: when and on which code each ran, and what that code says of
itself.
"""


_RESERVED = 0.01
"""So much of the memory another kernel may keep to itself, on the same machine."""

_SHOWN = 80


class Incomparable(Exception):
    """A folder that cannot be the baseline here: why."""


def place(folder: Path) -> Path:
    """Where the result lies: in the folder itself, or in that of a gate with the side that was gated."""
    return folder if (folder / RESULT).exists() or not (folder / SIDES[0] / RESULT).exists() else folder / SIDES[0]


def keep(folder: Path, suite: str, machine: Machine, trials: Sequence[Sequence[CaseResult]]) -> Path:
    """Store judged trials, one after the other, as a run with that many trials a case; the file that was written."""
    seen: dict[str, int] = {}
    cases = []
    for phases in trials:
        numbers = {name: seen.get(name, 0) + 1 for name in dict.fromkeys(phase.trial for phase in phases)}
        seen |= numbers
        cases += [
            phase.model_copy(
                update={
                    "trial": f"{phase.trial}.trial-{numbers[phase.trial]}",
                    "trial_number": numbers[phase.trial],
                    "series": [],
                }
            )
            for phase in phases
        ]
    folder.mkdir(parents=True, exist_ok=True)
    run = folder.resolve().name
    return save(folder, RunResult(run=run, suite=suite, machine=machine, provenance=provenance(cases), cases=cases))


def read(folder: Path, machine: Machine) -> RunResult:
    """A stored baseline that may be compared with trials on this machine. Raises Incomparable, and DamagedRun."""
    run = load(place(folder))
    if run.machine is None:
        raise Incomparable("nothing ran in it")
    for name in ("cpu", "cores", "memory_bytes"):
        there, here = getattr(run.machine, name), getattr(machine, name)
        if there != here and not (name == "memory_bytes" and abs(there - here) <= _RESERVED * here):
            raise Incomparable(f"it was made on another machine: {name} is {there}, and here {here}")
    versions = {case.asked.method_version for case in run.cases if case.asked} | {run.method_version}
    if others := versions - {METHOD_VERSION}:
        raise Incomparable(f"it was made by method version {min(others)}, and this code measures by {METHOD_VERSION}")
    few = [each for each, count in _counts(run).items() if count < SCREEN_PAIRS]
    if few or not run.cases:
        raise Incomparable(f"it has fewer than {SCREEN_PAIRS} trials of {few[0] if few else 'any case'}")
    return run


def trials(run: RunResult) -> list[GateTrial]:
    """As the baseline's trials of a gate."""
    return [
        GateTrial(
            case=each.case,
            side="baseline",
            stage="screen",
            quad=number,
            pair=number,
            outcome=each.outcome,
            reason=each.reason,
            figures=each.figures,
            absent=each.absent,
            foreign_percent=each.foreign_percent,
        )
        for number, each in enumerate(of_run(run.cases))
    ]


def asked_otherwise(run: RunResult, fresh: Sequence[CaseResult]) -> str | None:
    """How what was asked of the stored trials differs from what is asked now, or None."""
    stored = {_case(case): case.asked for case in run.cases if case.asked is not None}
    for case in fresh:
        if case.asked is None:
            continue
        before = stored.get(case.trial)
        if before is None:
            return f"it has no trial of {case.trial}"
        if name := _difference(before, case.asked):
            was, is_now = (repr(getattr(each, name))[:_SHOWN] for each in (before, case.asked))
            return f"`{name}` of {case.trial} was {was} and is {is_now}"
    return None


def _difference(one: TrialPlan, other: TrialPlan) -> str | None:
    names = [name for name in TrialPlan.model_fields if name not in _OF_THE_TRIAL]
    return next((name for name in names if getattr(one, name) != getattr(other, name)), None)


def _case(case: CaseResult) -> str:
    suffix = f".trial-{case.trial_number}"
    return case.trial.removesuffix(suffix)


def _counts(run: RunResult) -> dict[str, int]:
    found: dict[str, set[str]] = {}
    for case in run.cases:
        found.setdefault(_case(case), set()).add(case.trial)
    return {name: len(names) for name, names in found.items()}
