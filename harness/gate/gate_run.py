"""A gate from its first trial to its result: correctness first, then two stages. Like its command it sees the judge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from harness.gate.control_run import WHAT
from harness.gate.order import Turn, interleaved, one_side
from harness.gate.session import GateSession
from harness.gate.side import Unit
from harness.problem import Problem
from results.gate import kept_baseline
from results.gate.conclusion import (
    Trials,
    control,
    disturbed,
    figures,
    other_versions,
    to_look_at_again,
    verdict,
)
from results.gate.decision import FRESH_PAIRS, SCREEN_PAIRS
from results.gate.gate_result import (
    Acceptance,
    FigureResult,
    GateResult,
    GateSide,
    GateTrial,
    GateVerdict,
    Side,
    Stage,
    WrongTrial,
)
from results.gate.gated import BY_NAME, TrialFigures, of_run
from results.plan import Machine
from results.result import CaseResult, RunResult
from results.store import judge_run

STORED_TRIALS = SCREEN_PAIRS + FRESH_PAIRS
"""So many trials of each case make a stored baseline."""


@dataclass
class GateRun:
    """Conducts one gate, once."""

    session: GateSession
    """Makes its trials."""
    baseline: GateSide
    """What was there before, in words."""
    candidate: GateSide
    """What is to be gated, in words."""
    seed: int
    """Of the order of the trials."""
    machine: Machine
    """What it runs on."""
    accepted: Sequence[Acceptance] = ()
    """The changes that count as known today."""
    stored: RunResult | None = None
    """The baseline's trials where they come from a folder; None where both sides are tried."""
    first: Path | None = None
    """Where a later gate finds this one's trials, where there is no baseline yet; None where there is one."""
    trials: list[GateTrial] = field(default_factory=list)
    """Those that were made so far, after stored ones."""
    judged: dict[Side, list[list[CaseResult]]] = field(default_factory=lambda: {"baseline": [], "candidate": []})
    """By side, the phases of each trial that was made here."""
    _wrong: list[WrongTrial] = field(default_factory=list)
    _units: dict[str, Unit] = field(default_factory=dict)

    def conduct(self) -> GateResult:
        """Both stages, as far as they are needed. Raises Problem where a trial cannot be made."""
        began_s, started = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.stored is not None:
            self.trials += kept_baseline.trials(self.stored)
        units = self.session.asked.units
        again: list[tuple[str, str]] = []
        if self.first is not None:
            self._try(one_side(units, STORED_TRIALS, "screen", self.seed), "first baseline")
        elif self._try(self._turns(units, SCREEN_PAIRS, "screen"), "screen"):
            again = to_look_at_again(self._all)
            flagged = list(dict.fromkeys(self._units[case] for case, _ in again))
            if flagged and not self._try(self._turns(flagged, FRESH_PAIRS, "decision"), "decision"):
                again = []
        return self._result(again, started, time.monotonic() - began_s)

    @property
    def _all(self) -> Trials:
        # A stored baseline may have more cases than are tried now.
        mine = [each for each in self.trials if each.case in self._units]
        return Trials(mine, stored=self.stored is not None)

    def _turns(self, units: Sequence[Unit], pairs: int, stage: Stage) -> list[Turn[Unit]]:
        make = interleaved if self.stored is None else one_side
        return make(units, pairs, stage, self.seed)

    def _try(self, turns: Sequence[Turn[Unit]], of: str) -> bool:
        """Make trials; False if one ended the gate: then nothing more is to be said of speed."""
        for turn, run, spent_s in self.session.recorded(turns, of):
            judged = judge_run(run)
            self._machine_is_known(judged)
            self.judged[turn.side].append(judged.cases)
            found = of_run(judged.cases)
            self._units |= {each.case: turn.unit for each in found}
            self.trials += [_trial(turn, each, spent_s) for each in found]
            bad = [each for each in found if each.outcome != "pass"]
            self._wrong += [
                WrongTrial(case=each.case, side=turn.side, outcome=each.outcome, reason=each.reason, kept=str(run))
                for each in bad
            ]
            if not bad:
                self.session.forget(run)
            if any(turn.side == "candidate" or each.outcome != "fail" for each in bad):
                return False
        return True

    def _machine_is_known(self, judged: RunResult) -> None:
        """The machine as trials tell it, which know Java; and whether a stored baseline was asked the same."""
        self.machine = judged.machine or self.machine
        if self.stored is not None and (why := kept_baseline.asked_otherwise(self.stored, judged.cases)):
            remedy = "gate with the settings of the baseline, or store a new one"
            raise Problem(f"the stored baseline cannot be compared: {why}", self.baseline.name, remedy)

    def _cases(self, side: Side) -> list[CaseResult]:
        return [case for phases in self.judged[side] for case in phases]

    def _result(self, again: Sequence[tuple[str, str]], started: str, seconds: float) -> GateResult:
        reached: GateVerdict = verdict([], self._wrong)
        found: list[FigureResult] = []
        if reached not in ("wrong", "unfinished"):
            found = [] if self.first is not None else figures(self._all, again, self.accepted)
            reached = "first" if self.first is not None else verdict(found, self._wrong)
        fresh = [each for each in self.trials if each.control_s is not None]
        return GateResult(
            version=version("streamgauge"),
            verdict=reached,
            summary=_summary(reached, found, self._wrong),
            baseline=self.baseline,
            candidate=self.candidate,
            suite=self.session.asked.name,
            log=self.session.asked.log,
            seed=self.seed,
            started=started,
            seconds=round(seconds, 3),
            machine=self.machine,
            figures=found,
            wrong=self._wrong,
            control=control(WHAT, fresh),
            notices=list(self._notices(found)),
            trials=self.trials,
        )

    def _notices(self, found: Sequence[FigureResult]) -> list[str]:
        old = self.stored.cases if self.stored is not None else self._cases("baseline")
        told = [disturbed(self.trials), *(other_versions(old, self._cases("candidate")) if self.first is None else ())]
        if self.first is not None and not self._wrong:
            told.append(f"Later gates compare with it by --baseline {self.first}.")
        if self.stored is not None:
            told.append(
                "The baseline was made at another time: whatever else changed on this machine since then counts as a "
                "change. A revision as the baseline is tried side by side."
            )
        known = {each.case for each in self.trials}
        used = {(each.case, each.metric) for each in found if each.verdict == "accepted"}
        for each in self.accepted:
            if each.case not in known:
                told.append(f"Accepted until {each.until}, and no case here: {each.case}.")
            elif found and not any(case == each.case and each.metric in (None, metric) for case, metric in used):
                told.append(f"Accepted until {each.until}, and no regression any more: {each.case}.")
        return [each for each in told if each]


def _trial(turn: Turn[Unit], found: TrialFigures, spent_s: float) -> GateTrial:
    return GateTrial(
        case=found.case,
        side=turn.side,
        stage=turn.stage,
        quad=turn.quad,
        pair=turn.pair,
        outcome=found.outcome,
        reason=found.reason,
        figures=found.figures,
        absent=found.absent,
        foreign_percent=found.foreign_percent,
        control_s=round(spent_s, 6),
    )


def _summary(reached: GateVerdict, found: Sequence[FigureResult], wrong: Sequence[WrongTrial]) -> str:
    cases = len({each.case for each in found})
    match reached:
        case "wrong":
            bad = next(each for each in wrong if each.side == "candidate" and each.outcome == "fail")
            return f"Wrong: {bad.case}: {bad.reason}"
        case "unfinished":
            bad = next(each for each in wrong if each.outcome != "fail")
            return f"Not finished: {bad.case}, {bad.side}: {bad.reason}"
        case "regression":
            bad_ones = [
                f"{each.case}, {BY_NAME[each.metric].title}: {each.why}"
                for each in found
                if each.verdict == "regression"
            ]
            return f"Regression: {'; '.join(bad_ones)}"
        case "first":
            return "There is no baseline yet: this run passes, and was stored as one."
        case "inconclusive":
            open_ones = sum(each.verdict in ("inconclusive", "not compared") for each in found)
            return f"No regression was found, and {open_ones} of {len(found)} figures say too little to rule one out."
    return f"No regression: every answer is right, and none of {len(found)} figures of {cases} cases became worse."


def stored(folder: Path, machine: Machine) -> RunResult:
    """The baseline of a folder. Raises Problem where it cannot be compared, and DamagedRun."""
    try:
        return kept_baseline.read(folder, machine)
    except kept_baseline.Incomparable as why:
        raise Problem(f"the stored baseline cannot be compared: {why}", str(folder), "store a new one") from why
