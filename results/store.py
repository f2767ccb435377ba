"""The folder of a run: what is asked (plan.json), histories (cases/NAME/), what the judge says (result.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from results.calibration import calibrations, marked
from results.folder import LeadsOutside, within, write_whole
from results.history import TRIAL, DamagedHistory, History, first_problem
from results.judge import judge
from results.noise import known
from results.plan import AskedCase, AskedRun, CasePlan, TrialPlan
from results.provenance import provenance, with_codes
from results.repetition import repeated
from results.result import CaseResult, Outcome, PhaseKind, RunResult
from results.thresholds import checked
from workloads.regular_file import read_regular

PLAN, CASES, RESULT = "plan.json", "cases", "result.json"

_SHOWN = 60


class DamagedRun(Exception):
    """A run's folder that cannot be read: what is wrong, where, what to do, and by which words of a command."""

    def __init__(self, what: str, where: Path, remedy: str, command: Sequence[str] = ()) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where, self.remedy, self.command = what, where, remedy, command


class Unjudged(Exception):
    """A run that was judged before and cannot be judged now: what is lacking here. The stored result stays."""

    def __init__(self, what: str, where: Path) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where = what, where
        self.remedy = "its result was kept as it is; bring what is lacking and judge the run again"


def judge_run(folder: Path) -> RunResult:
    """Judge every history of a run again, in the order of its plan. Raises DamagedRun if the plan cannot be read."""
    plan, told = _plan(folder)
    cases: list[CaseResult] = []
    for asked, case in zip(plan.cases, told, strict=True):
        cases += _judged(folder, asked, case)
    cases = with_codes(_with_methods(cases))
    itself = calibrations(folder, [case.workload for case in plan.cases])
    cases = [marked(case, itself) for case in cases]
    machines = [case.asked.machine for case in cases if case.asked]
    return RunResult(
        run=folder.resolve().name,
        suite=plan.suite,
        machine=machines[0] if machines else None,
        provenance=provenance(cases, plan.command),
        cases=cases,
        repeated=repeated(cases, plan.cases),
        thresholds=checked(cases, plan.thresholds),
        calibrations=itself,
        noise=known(folder),
    )


def judge_again(folder: Path) -> RunResult:
    """Judge a run and store its result. Raises DamagedRun, OSError, and Unjudged where a case that has a verdict in
    the stored result cannot be judged here: then that result stays as it is.
    """
    result = judge_run(folder)
    kept = {(case.trial, case.phase) for case in _stored(folder) if case.outcome in ("pass", "fail")}
    for case in result.cases:
        if case.not_judged and (case.trial, case.phase) in kept:
            raise Unjudged(f"{case.trial} cannot be judged: {case.reason}", folder)
    save(folder, result)
    return result


def _stored(folder: Path) -> list[CaseResult]:
    """The cases of the stored result; none if there is none that can be read."""
    try:
        return load(folder).cases
    except DamagedRun:
        return []


def save(folder: Path, run: RunResult) -> Path:
    """Write result.json, whole or not at all; the same result gives the same bytes."""
    path = folder / RESULT
    text = json.dumps(run.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, f"{text}\n".encode())
    return path


def load(folder: Path) -> RunResult:
    """The stored result of a run. Raises DamagedRun."""
    path = folder / RESULT
    try:
        return RunResult.model_validate_json(read_regular(path, folder))
    except FileNotFoundError:
        raise DamagedRun("the run was not judged yet", path, "judge it", ("judge", str(folder))) from None
    except OSError as error:
        raise DamagedRun(f"cannot be read: {error.strerror}", path, "check the path and its permissions") from error
    except ValidationError as error:
        raise DamagedRun(first_problem(error), path, "judge it again", ("judge", str(folder))) from error


def _plan(folder: Path) -> tuple[AskedRun, list[dict[str, Any]]]:
    """What was asked, and all that stands in the file about each case. Raises DamagedRun."""
    path = folder / PLAN
    try:
        content = read_regular(path, folder)
        return AskedRun.model_validate_json(content, extra="ignore"), json.loads(content)["cases"]
    except FileNotFoundError:
        raise DamagedRun(
            "this is not the folder of a run: there is no plan.json", path, "name a folder in runs/"
        ) from None
    except OSError as error:
        raise DamagedRun(f"cannot be read: {error.strerror}", path, "check the path and its permissions") from error
    except ValidationError as error:
        raise DamagedRun(
            first_problem(error), path, "restore the file; without it nothing says what was asked"
        ) from error


def _judged(folder: Path, asked: AskedCase, told: Mapping[str, Any]) -> list[CaseResult]:
    """The results of a case. Whatever is wrong with it, the other cases are judged."""
    if asked.blocked:
        why = asked.blocked.reason + (f"; {asked.blocked.remedy}" if asked.blocked.remedy else "")
        return _unjudged(asked, asked.blocked.outcome, why)
    try:
        history = within(folder, CASES, asked.name)
        if not history.is_dir():
            return _unjudged(asked, "unknown", "did not run: the run ended before this case began")
        found = _contradiction(History(history).plan, {**told, "name": asked.name})
        if found is not None:
            return _unjudged(asked, "unknown", f"damaged history: {found} ({CASES}/{asked.name}/{TRIAL})")
        return judge(history)
    except LeadsOutside as error:
        what = f"{error.what}, and is not followed ({error.where.relative_to(folder)})"
        return _unjudged(asked, "unknown", f"damaged history: {what}")
    except DamagedHistory as damage:
        return _unjudged(asked, "unknown", damage.within(folder))
    except OSError as error:
        return _unjudged(asked, "unknown", f"damaged history: cannot be read: {error.strerror}")
    except Exception as error:
        why = f"the judge crashed: {type(error).__name__}: {error}".splitlines()[0]
        return [case.model_copy(update={"not_judged": True}) for case in _unjudged(asked, "unknown", why)]


_TOLD_TWICE = tuple(name for name in TrialPlan.model_fields if name in {*CasePlan.model_fields, "name"})
"""What stands both in the plan of the run and in that of the trial."""


def _contradiction(trial: TrialPlan, told: Mapping[str, Any]) -> str | None:
    """The first thing that trial.json and plan.json say differently, or None. An older plan may say less."""
    both = {name: told[name] for name in _TOLD_TWICE if name in told}
    return _difference(trial.model_dump(mode="json"), both)


def _difference(one: Any, other: Any, name: str = "") -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        # Only parameters are the same in each version.
        names = one.keys() | other.keys() if name == "parameters" else one.keys() & other.keys()
        where = f"{name}." if name else ""
        inner = (_difference(one.get(each), other.get(each), where + each) for each in sorted(names))
        return next((found for found in inner if found is not None), None)
    said = (repr(value)[:_SHOWN] for value in (one, other))
    return None if one == other else "{} is {} in trial.json and {} in plan.json".format(name, *said)


def _with_methods(cases: list[CaseResult]) -> list[CaseResult]:
    """The cases, each with a note if they were not all recorded by one method."""
    versions = sorted({case.asked.method_version for case in cases if case.asked is not None})
    if len(versions) < 2:
        return cases
    known = ", ".join(map(str, versions))
    note = f"the cases of this run were recorded by method versions {known} and are not to be compared"
    return [
        case.model_copy(update={"notes": [*case.notes, note], "reason": f"{case.reason}; {note}"}) for case in cases
    ]


def _unjudged(asked: AskedCase, outcome: Outcome, reason: str) -> list[CaseResult]:
    return [
        CaseResult(
            engine=asked.engine,
            mode=asked.mode,
            set_up=asked.set_up,
            workload=asked.workload,
            log=asked.log,
            fault=asked.strikes.fault if asked.strikes else "none",
            guarantee=asked.guarantee,
            phase=kind,
            outcome=outcome,
            reason=reason,
            trial=asked.name,
            trial_number=asked.trial_number,
        )
        for kind in _kinds(asked)
    ]


def _kinds(asked: AskedCase) -> list[PhaseKind]:
    kinds: list[PhaseKind] = ["paced"] if asked.paced else []
    kinds += ["drain"] if asked.drain else []
    return kinds + (["probe"] if asked.search else [])
