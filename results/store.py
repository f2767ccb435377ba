"""The folder of a run: what is asked (plan.json), histories (cases/NAME/), what the judge says (result.json)."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from results.folder import LeadsOutside, within, write_whole
from results.history import DamagedHistory, first_problem
from results.judge import judge
from results.plan import AskedCase, AskedRun
from results.result import CaseResult, Outcome, PhaseKind, RunResult

PLAN, CASES, RESULT = "plan.json", "cases", "result.json"


class DamagedRun(Exception):
    """A run's folder that cannot be read: what is wrong, where, what to do."""

    def __init__(self, what: str, where: Path, remedy: str) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where, self.remedy = what, where, remedy


def judge_run(folder: Path) -> RunResult:
    """Judge every history of a run again, in the order of its plan. Raises DamagedRun if the plan cannot be read."""
    plan = _plan(folder)
    cases: list[CaseResult] = []
    for asked in plan.cases:
        cases += _judged(folder, asked)
    machines = [case.asked.machine for case in cases if case.asked]
    return RunResult(
        run=folder.resolve().name, suite=plan.suite, machine=machines[0] if machines else None, cases=cases
    )


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
        return RunResult.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DamagedRun("the run was not judged yet", path, f"judge it: streamgauge judge {folder}") from None
    except OSError as error:
        raise DamagedRun(f"cannot be read: {error.strerror}", path, "check the path and its permissions") from error
    except ValidationError as error:
        raise DamagedRun(first_problem(error), path, f"judge it again: streamgauge judge {folder}") from error


def _plan(folder: Path) -> AskedRun:
    path = folder / PLAN
    try:
        return AskedRun.model_validate_json(path.read_bytes(), extra="ignore")
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


def _judged(folder: Path, asked: AskedCase) -> list[CaseResult]:
    if asked.blocked:
        why = asked.blocked.reason + (f"; {asked.blocked.remedy}" if asked.blocked.remedy else "")
        return _unjudged(asked, asked.blocked.outcome, why)
    try:
        history = within(folder, CASES, asked.name)
    except LeadsOutside as error:
        what = f"{error.what}, and is not followed ({error.where.relative_to(folder)})"
        return _unjudged(asked, "unknown", f"damaged history: {what}")
    if not history.is_dir():
        return _unjudged(asked, "unknown", "did not run: the run ended before this case began")
    try:
        return judge(history)
    except DamagedHistory as damage:
        where = damage.where.relative_to(folder)
        return _unjudged(asked, "unknown", f"damaged history: {damage.what} ({where})")


def _unjudged(asked: AskedCase, outcome: Outcome, reason: str) -> list[CaseResult]:
    return [
        CaseResult(
            engine=asked.engine,
            mode=asked.mode,
            workload=asked.workload,
            log=asked.log,
            fault=asked.strikes.fault if asked.strikes else "none",
            guarantee=asked.guarantee,
            phase=kind,
            outcome=outcome,
            reason=reason,
            trial=asked.name,
        )
        for kind in _kinds(asked)
    ]


def _kinds(asked: AskedCase) -> list[PhaseKind]:
    kinds: list[PhaseKind] = ["paced"] if asked.paced else []
    return kinds + (["drain"] if asked.drain else [])
