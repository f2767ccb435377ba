"""What the trials of a gate come to. Pure functions: the same trials give the same verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from results.gate import decision
from results.gate.decision import Compared, as_share, as_worsening, flagged, holm, paired, slower, unpaired
from results.gate.gate_result import (
    Acceptance,
    Control,
    FigureResult,
    FigureVerdict,
    GateTrial,
    GateVerdict,
    Stage,
    StageResult,
    WrongTrial,
)
from results.gate.gated import GATED, Gated
from results.provenance import OWN
from results.result import CaseResult

OTHERS_PERCENT = 5.0
"""Half of the trials beside which other work took so much of the CPU time are spoken of."""


@dataclass(frozen=True)
class Trials:
    """All trials of a gate. stored: whether the baseline's come from a folder, so that nothing stands in pairs."""

    made: Sequence[GateTrial]
    stored: bool = False

    def of(self, case: str, stage: Stage | None = None) -> list[GateTrial]:
        """Of a case, and a stage. Stored trials of a baseline belong to both stages."""
        return [
            each
            for each in self.made
            if each.case == case and (stage is None or each.stage == stage or (self.stored and each.side == "baseline"))
        ]

    @property
    def cases(self) -> list[str]:
        return list(dict.fromkeys(each.case for each in self.made))


def to_look_at_again(trials: Trials) -> list[tuple[str, str]]:
    """The cases, with the figure's name, that the screen flags."""
    found = []
    for case in trials.cases:
        for gated in GATED:
            seen = compared(trials, case, gated, "screen")
            if isinstance(seen, Compared) and flagged(seen, _limit(gated)):
                found.append((case, gated.name))
    return found


def compared(trials: Trials, case: str, gated: Gated, stage: Stage) -> Compared | str:
    """What a stage says of a figure, or why it says nothing."""
    mine = trials.of(case, stage)
    if wrong := next((each for each in mine if each.side == "baseline" and each.outcome != "pass"), None):
        return f"the baseline did not pass, so that its speed says nothing: {wrong.reason}"
    lacking = next((each for each in mine if gated.name not in each.figures), None)
    if trials.stored:
        old, new = (_logarithms(mine, side, gated) for side in ("baseline", "candidate"))
        if min(len(old), len(new)) >= decision.SCREEN_PAIRS:
            return unpaired(old, new)
    else:
        differences = _differences(mine, gated)
        if len(differences) >= decision.SCREEN_PAIRS:
            return paired(differences)
    why = f": the {lacking.side} lacks it: {lacking.absent.get(gated.name, 'not known')}" if lacking else ""
    return f"too few trials have it{why}"


def figures(trials: Trials, again: Sequence[tuple[str, str]], accepted: Sequence[Acceptance]) -> list[FigureResult]:
    """Every figure of every case. again: those that the screen flagged, for which there are fresh trials."""
    by_name = {each.name: each for each in GATED}
    fresh: dict[tuple[str, str], Compared | str] = {
        (case, name): compared(trials, case, by_name[name], "decision") for case, name in again
    }
    adjusted = holm({place: seen.p for place, seen in fresh.items() if isinstance(seen, Compared)})
    found = []
    for case in trials.cases:
        for gated in GATED:
            place = (case, gated.name)
            found.append(_figure(trials, case, gated, fresh.get(place), adjusted.get(place, 1.0), accepted))
    return found


def _figure(
    trials: Trials,
    case: str,
    gated: Gated,
    fresh: Compared | str | None,
    adjusted: float,
    accepted: Sequence[Acceptance],
) -> FigureResult:
    first = compared(trials, case, gated, "screen")
    stage: Stage = "screen" if fresh is None else "decision"
    last = first if fresh is None else fresh
    told = FigureResult(
        case=case,
        metric=gated.name,
        unit=gated.unit,
        better=gated.better,
        limit=gated.limit,
        verdict="not compared",
        why=last if isinstance(last, str) else "",
        old=_median(trials.of(case, stage), "baseline", gated),
        new=_median(trials.of(case, stage), "candidate", gated),
        screen=_stage(first, gated) if isinstance(first, Compared) else None,
        decision=_stage(fresh, gated, adjusted) if isinstance(fresh, Compared) else None,
    )
    if isinstance(last, str):
        return told
    least = _floor(trials, case, gated, stage)
    share = None if least is None else _finite(as_share(least, gated.lower_is_better))
    known = next((each for each in accepted if each.case == case and each.metric in (None, gated.name)), None)
    failed = stage == "decision" and slower(last, adjusted, _limit(gated))
    verdict, why = _verdict(gated, last, failed, known, share)
    return told.model_copy(
        update={"verdict": verdict, "why": why, "floor": share, "accepted": known if failed else None}
    )


def _verdict(
    gated: Gated, seen: Compared, failed: bool, known: Acceptance | None, floor: float | None
) -> tuple[FigureVerdict, str]:
    change = as_share(seen.mean, gated.lower_is_better)
    if failed:
        said = f"worse by {_percent(change)}, and {_percent(gated.limit)} is allowed"
        if known is None:
            return "regression", said
        return "accepted", f"{said}; accepted until {known.until}: {known.reason}"
    if floor is None:
        return "inconclusive", "how far trials of one side differ is not known"
    unseen = f"could not have seen less than {_percent(floor)}"
    if floor > gated.limit:
        return "inconclusive", f"{unseen}, and {_percent(gated.limit)} is the limit"
    return "pass", unseen


def control(what: str, trials: Sequence[GateTrial]) -> Control | None:
    """What the control did over the session, as far as it was timed on both sides."""
    timed = [(each.side, each.control_s) for each in trials if each.control_s]
    sides = {side: [seconds for each, seconds in timed if each == side] for side in ("baseline", "candidate")}
    if not all(sides.values()):
        return None
    old, new = (median(seconds) for seconds in sides.values())
    every = [seconds for _, seconds in timed]
    half = len(every) // 2
    trend = median(every[half:]) / median(every[:half]) - 1
    return Control(what=what, baseline_s=old, candidate_s=new, drift=new / old - 1, trend=trend)


def verdict(found: Iterable[FigureResult], wrong: Iterable[WrongTrial]) -> GateVerdict:
    """The worst of all. What the baseline alone did wrong does not fail the candidate."""
    outcomes = {(each.side, each.outcome) for each in wrong}
    if ("candidate", "fail") in outcomes:
        return "wrong"
    if any(outcome != "fail" for _, outcome in outcomes):
        return "unfinished"
    verdicts = {each.verdict for each in found}
    if "regression" in verdicts:
        return "regression"
    return "inconclusive" if verdicts & {"inconclusive", "not compared"} or not verdicts else "pass"


def disturbed(trials: Sequence[GateTrial]) -> str | None:
    """What is to be said of other work on the machine, or None."""
    told = [each.foreign_percent for each in trials if each.foreign_percent is not None]
    if told and median(told) >= OTHERS_PERCENT:
        return f"Other work took {median(told):.0f} % of the CPU time beside the middle one of the trials."
    return None


def other_versions(old: Sequence[CaseResult], new: Sequence[CaseResult]) -> list[str]:
    """What ran in another version on the two sides, such as an engine, each in a line: speed may differ by that."""
    sides = [_versions(cases) for cases in (old, new)]
    return [
        f"`{engine}` ran with {name} {' and '.join(sides[0][engine, name])} on the baseline's side, and with "
        f"{' and '.join(found)} on the candidate's."
        for (engine, name), found in sides[1].items()
        if (engine, name) in sides[0] and sides[0][engine, name] != found
    ]


def _versions(cases: Sequence[CaseResult]) -> dict[tuple[str, str], list[str]]:
    """By engine and what ran, its versions; without our own, which is what is compared."""
    found: dict[tuple[str, str], set[str]] = {}
    for case in cases:
        for name, version in case.asked.versions.items() if case.asked is not None else ():
            if name != OWN:
                found.setdefault((case.engine, name), set()).add(version)
    return {place: sorted(versions) for place, versions in found.items()}


def _limit(gated: Gated) -> float:
    return as_worsening(gated.limit, gated.lower_is_better)


def _stage(seen: Compared, gated: Gated, p: float | None = None) -> StageResult:
    change = as_share(seen.mean, gated.lower_is_better)
    return StageResult(pairs=seen.pairs, change=round(_finite(change), 6), p=round(seen.p if p is None else p, 6))


def _finite(share: float) -> float:
    return share if math.isfinite(share) else math.copysign(1e9, share)


def _differences(mine: Sequence[GateTrial], gated: Gated) -> list[float]:
    """Worsening of each pair of which both sides have the figure."""
    sides: dict[int, dict[str, float]] = {}
    for each in mine:
        if gated.name in each.figures:
            sides.setdefault(each.pair, {})[each.side] = each.figures[gated.name]
    return [
        decision.worsening(pair["baseline"], pair["candidate"], gated.lower_is_better)
        for _, pair in sorted(sides.items())
        if len(pair) == 2
    ]


def _logarithms(mine: Sequence[GateTrial], side: str, gated: Gated) -> list[float]:
    """Of one side, so that the larger one is the worse one."""
    values = (each.figures[gated.name] for each in mine if each.side == side and gated.name in each.figures)
    return [decision.worsening(1.0, value, gated.lower_is_better) for value in values]


def _floor(trials: Trials, case: str, gated: Gated, stage: Stage) -> float | None:
    """By trials of one side that were made next to each other: within a quad, or one after the other in a folder."""
    same = []
    for side in ("baseline", "candidate"):
        mine = [each for each in trials.of(case) if each.side == side and gated.name in each.figures]
        for one, other in pairwise(mine):
            if trials.stored or (one.stage, one.quad) == (other.stage, other.quad):
                same.append(decision.worsening(one.figures[gated.name], other.figures[gated.name], True))
    pairs = decision.SCREEN_PAIRS if stage == "screen" else decision.FRESH_PAIRS
    return decision.floor(same, pairs, decision.SCREEN_P if stage == "screen" else decision.FRESH_P)


def _median(mine: Sequence[GateTrial], side: str, gated: Gated) -> float | None:
    values = [each.figures[gated.name] for each in mine if each.side == side and gated.name in each.figures]
    return median(values) if values else None


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
