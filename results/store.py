"""The folder of a run: what is asked (plan.json), histories (cases/NAME/), what the judge says (result.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from results.history import DamagedHistory, case_name
from results.judge import judge
from results.result import CaseResult, Outcome, PhaseKind, RunResult

PLAN, CASES, RESULT = "plan.json", "cases", "result.json"

Name = Annotated[str, Field(pattern=r"^[^/\\\x00]+$")]
"""A part of a file's name."""


class DamagedRun(Exception):
    """A run's folder that cannot be read: what is wrong, where, what to do."""

    def __init__(self, what: str, where: Path, remedy: str) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where, self.remedy = what, where, remedy


class _View(BaseModel):
    # The plan is the harness's; the judge reads what it needs and leaves the rest alone.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Blocked(_View):
    """Why a case was not run."""

    outcome: Literal["unsupported", "unavailable"]
    reason: str
    remedy: str = ""


class AskedStrikes(_View):
    """Which faults were to strike, and how."""

    fault: Name
    aim: Name
    timeouts: Name


class AskedCase(_View):
    """A case that was asked for: one trial, or none if it is blocked."""

    engine: Name
    mode: Name
    workload: Name
    log: str
    guarantee: str
    strikes: AskedStrikes | None = None
    paced: object | None = None
    drain: object | None = None
    blocked: Blocked | None = None

    @property
    def trial(self) -> str:
        """The name of its folder in cases/."""
        strikes = self.strikes
        aimed = (strikes.fault, strikes.aim, strikes.timeouts) if strikes is not None else None
        return case_name(self.engine, self.mode, self.workload, self.guarantee, aimed)

    @property
    def fault(self) -> str:
        return self.strikes.fault if self.strikes else "none"

    @property
    def kinds(self) -> list[PhaseKind]:
        kinds: list[PhaseKind] = ["paced"] if self.paced else []
        return kinds + (["drain"] if self.drain else [])


class AskedRun(_View):
    """What the judge reads of plan.json."""

    suite: str
    cases: tuple[AskedCase, ...]


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
    path, partial = folder / RESULT, folder / (RESULT + ".partial")
    text = json.dumps(run.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
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
        raise DamagedRun(_first_problem(error), path, f"judge it again: streamgauge judge {folder}") from error


def _plan(folder: Path) -> AskedRun:
    path = folder / PLAN
    try:
        return AskedRun.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DamagedRun(
            "this is not the folder of a run: there is no plan.json", path, "name a folder in runs/"
        ) from None
    except OSError as error:
        raise DamagedRun(f"cannot be read: {error.strerror}", path, "check the path and its permissions") from error
    except ValidationError as error:
        raise DamagedRun(
            _first_problem(error), path, "restore the file; without it nothing says what was asked"
        ) from error


def _judged(folder: Path, asked: AskedCase) -> list[CaseResult]:
    if asked.blocked:
        why = asked.blocked.reason + (f"; {asked.blocked.remedy}" if asked.blocked.remedy else "")
        return _unjudged(asked, asked.blocked.outcome, why)
    history = folder / CASES / asked.trial
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
            fault=asked.fault,
            guarantee=asked.guarantee,
            phase=kind,
            outcome=outcome,
            reason=reason,
            trial=asked.trial,
        )
        for kind in asked.kinds
    ]


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(step) for step in first['loc']) or 'content'}: {first['msg']}"
