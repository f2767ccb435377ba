"""The judge: from a stored history to results. A pure function of the files; no engine is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.evidence.committed_input import isolation
from results.evidence.completeness import incomplete, older
from results.evidence.phases import Phase, last_lines, obstacle, phases, unfinished
from results.evidence.regenerated import CannotJudge
from results.evidence.samples import Samples
from results.evidence.strikes import Struck, strikes, tested, unproven, untested
from results.history import METHOD_VERSION, DamagedHistory, EngineReady, Failed, History
from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.registry import measurements
from results.metrics.strike_results import tried
from results.plan import POLLED
from results.result import CaseResult, Guarantee, Kind, Offence, Outcome, PhaseKind, StrikeResult, Verdict
from results.verdict.guarantee import CLAIMS, delivery_seen, in_words, processing_seen, violations
from results.verdict.offences import Findings
from results.verdict.pairing import PAIRED
from results.verdict.slices import Examined, examine, findings
from results.verdict.tally import EXPLAINED
from workloads.discovery import Unavailable
from workloads.workload import Unfit


class _NotJudged(str):
    """A doubt that says nothing of the trial: the judge lacks something here, or crashed."""

    __slots__ = ()


_NO_FINDINGS = Findings(Verdict(), 0, {}, [])


def judge(folder: Path) -> list[CaseResult]:
    """One result for each kind of phase that the trial's plan asks for, the paced one first.

    Whatever cannot be judged, because the trial did not end well, its files are damaged or a part of the judge
    crashes, is unknown with the reason. Raises DamagedHistory if the plan or the marks cannot be read.
    """
    history = History(folder)
    kinds: list[PhaseKind] = ["paced"] if history.plan.paced else []
    kinds += ["drain"] if history.plan.drain else []
    kinds += ["probe"] if history.plan.search else []
    doubts: list[str] = []
    seen: Examined | None = None
    began = _guarded("phases", lambda: phases(history), doubts) or []
    if not doubts and history.plan.method_version > METHOD_VERSION:
        doubts.append(f"recorded by method version {history.plan.method_version}; this judge knows {METHOD_VERSION}")
    why = unfinished(history)
    lacking = _guarded("completeness", lambda: incomplete(history), doubts)
    if lacking is None or lacking:
        # Of a record that is not whole nothing is told but that: its figures would stand for what is not there.
        began = []
        doubts += _told(history, why, lacking or [])
    with ExitStack() as until:
        if not doubts and began and why is None:
            seen = _guarded("matching", lambda: examine(history, began, until), doubts)
        return [_Case(history, began, seen, kind, doubts).result() for kind in kinds]


def _told(history: History, why: str | None, lacking: list[str]) -> list[str]:
    """Why there is no verdict, where the record is not whole. A trial that says why it failed is believed first."""
    if why is None or history.of(Failed):
        return [*([why] if why else []), *lacking]
    return ["; ".join([why, *lacking[:1]]), *lacking[1:]]


@dataclass
class _Case:
    """What is found out about the phases of one kind."""

    history: History
    """The trial's."""
    began: list[Phase]
    """All phases that began, of either kind."""
    examined: Examined | None
    """None where the history does not allow matching."""
    kind: PhaseKind
    """The kind of phase that is judged here."""
    given: list[str]
    """Doubts about the whole trial, found before."""
    doubts: list[str] = field(init=False)
    """Why there can be no verdict, each in a line; those given are the first."""
    measured: Measured = field(default_factory=Measured)
    """Metrics so far, and why others are absent."""
    strikes: list[StrikeResult] = field(default_factory=list)
    """The strikes of the trial; empty where none were planned, and in a drain."""

    def __post_init__(self) -> None:
        self.measured.notes += older(self.history)
        if self.history.plan.polled:
            self.measured.notes.append(POLLED)
        self.phases = [phase for phase in self.began if phase.kind == self.kind]
        self.doubts = list(self.given)
        if not self.doubts and (why := obstacle(self.history, self.kind)):
            self.doubts.append(why)
        for phase in self.phases if self.examined else []:
            self.doubts += self.examined.seen.problems[phase.name] if self.examined else []
        self.doubts += _unknown_claims(self.history)
        # Strikes fall into the paced phase only.
        self.struck: list[Struck] | None = None
        if self.kind == "paced" and self.history.plan.strikes is not None:
            self.struck = strikes(self.history)
            self.doubts += unproven(self.struck)
            self.strikes = tried(self.struck, self.phases[0].start_ns if self.phases else None)

    def result(self) -> CaseResult:
        plan, found = self.history.plan, self._findings()
        self._measure(found.kinds.get("premature", 0))
        processing, delivery = processing_seen(found.kinds, found.verdict), delivery_seen(found.kinds, found.verdict)
        forbidden = self._forbidden(found)
        if forbidden and self.kind == "probe":
            self.measured.void("rows of probes are not right, so no rate was held")
        if not self.doubts and not forbidden and "unknown" in (processing, delivery):
            self.doubts.append("there is no right row: nothing says that the engine does what it should")
        if self.doubts:
            processing = delivery = "unknown"
        outcome, reason = self._conclusion(found, forbidden)
        ready = self.history.of(EngineReady)
        return CaseResult(
            engine=plan.engine,
            mode=plan.mode,
            set_up=plan.set_up,
            workload=plan.workload,
            log=plan.log,
            fault=plan.fault,
            guarantee=plan.delivery_claimed,
            phase=self.kind,
            outcome=outcome,
            reason="; ".join([reason, *self.measured.notes]),
            verdict=found.verdict,
            observed=in_words(processing, delivery, plan.fault, self._untested),
            processing=Guarantee(claimed=plan.processing_claimed, seen=processing),
            delivery=Guarantee(claimed=plan.delivery_claimed, seen=delivery),
            claim_note=plan.claim_note,
            emulated=plan.emulated,
            isolation=isolation(self.history, self.phases),
            metrics=dict(sorted(self.measured.metrics.items())),
            absent=dict(sorted(self.measured.absent.items())),
            notes=self.measured.notes,
            last_lines=last_lines(self.history),
            kinds=found.kinds,
            offences=found.offences,
            series=self.measured.series,
            strikes=self.strikes,
            probes=self.measured.probes,
            settings=dict(sorted(ready[0].settings.items())) if ready else {},
            reasons=dict(sorted(ready[0].reasons.items())) if ready else {},
            engine_version=plan.engine_version,
            store=plan.store,
            trial=plan.name,
            trial_number=plan.trial_number,
            asked=plan,
            not_judged=any(isinstance(doubt, _NotJudged) for doubt in self.doubts),
        )

    def _forbidden(self, found: Findings) -> list[Kind]:
        """What the claims do not allow. What only a limit of the judge makes look so is a doubt instead."""
        claims = self.history.plan.processing_claimed, self.history.plan.delivery_claimed
        forbidden = violations(*claims, found.kinds, found.verdict)
        if found.unexplained and not forbidden:
            self.doubts.append(
                f"{found.unexplained:,} wrong rows, beyond the first {EXPLAINED:,}, were not looked into"
            )
        # Exactly-once allows no wrong row, whatever its cause.
        if not forbidden or set(claims) == {"exactly-once"} or not (found.undecided or found.unpaired):
            return forbidden
        kinds = Counter(found.kinds)
        kinds["broken audit"] -= found.undecided
        verdict = found.verdict
        if found.unpaired:
            # A row that was not paired stands as unexpected, and the row that it answers as lost.
            kinds["unexpected"] = 0
            kinds["loss"] -= verdict.missing
            verdict = verdict.model_copy(update={"missing": 0})
        if certain := violations(*claims, +kinds, verdict):
            return certain
        if found.unpaired:
            self.doubts.append(f"{found.unpaired:,} unexpected rows, beyond the first {PAIRED:,}, were not looked into")
        if found.undecided:
            self.doubts.append(
                f"{found.undecided:,} rows with wrong audit sums could not be explained within the limits of the search"
            )
        return []

    def _findings(self) -> Findings:
        examined = self.examined
        if examined is None or not self.phases:
            return _NO_FINDINGS
        return self._part("verdict", lambda: findings(examined, self.kind)) or _NO_FINDINGS

    def _measure(self, premature: int) -> None:
        """Make every measurement that applies to what is known."""
        basis = Basis(
            history=self.history,
            kind=self.kind,
            phases=self.phases,
            samples=self._part("samples", lambda: Samples(self.history)),
            seen=self.examined.seen if self.examined else None,
            struck=self.struck,
            premature=premature,
        )
        for name, found in measurements().items():
            if isinstance(found, Unavailable):
                self.measured.absent[name] = f"unavailable: {found.why}"
                self.measured.notes.append(f"the metric {name} cannot be loaded: {found.why}")
            elif found.applies(basis):
                self._add(found, basis)
            elif basis.untimed is not None and found.applies(basis, but="causality"):
                self.measured.lack(found.metrics, basis.untimed)
        self.measured.bracket_reserved()
        if self.struck is not None:
            self.strikes = self._part("strikes", lambda: basis.watched.strikes) or self.strikes

    def _add(self, measurement: Measurement, basis: Basis) -> None:
        made = self._part(measurement.name, lambda: measurement.measure(basis))
        if made is None:
            return
        declared = {metric.name for metric in measurement.metrics}
        if strange := (made.metrics.keys() | made.absent.keys()) - declared:
            self.doubts.append(f"the measurement {measurement.name} does not declare {', '.join(sorted(strange))}")
            return
        self.measured.update(made)

    def _part(self, name: str, part: Callable[[], Any]) -> Any:
        return _guarded(name, part, self.doubts)

    @property
    def _untested(self) -> str | None:
        """Why strikes that were asked for tested nothing, in short."""
        if self.struck is None or (why := untested(self.struck)) is None:
            return None
        return why if any(strike.exposed for strike in self.struck) else "untested, no strike was exposed"

    def _conclusion(self, found: Findings, forbidden: list[Kind]) -> tuple[Outcome, str]:
        """The outcome, and the reason in one line."""
        if self.doubts:
            beside = f"; beside that, {_account(found, list(found.kinds))}" if found.kinds else ""
            return "unknown", self.doubts[0] + beside
        if forbidden:
            return "fail", _account(found, forbidden)
        remark = "; no fault was injected, so the guarantee is untested" if self.history.plan.fault == "none" else ""
        if self.struck is not None:
            if (why := untested(self.struck)) is not None:
                return "unknown", why
            remark = f"; {tested(self.history.plan, self.struck, bool(found.kinds))}"
        if found.kinds:
            return "pass", f"as claimed, {_account(found, list(found.kinds))}{remark}"
        return "pass", f"each of {found.verdict.match:,} rows is right and there once{remark}"


def _account(found: Findings, kinds: list[Kind]) -> str:
    """Each kind with its number of rows and its first offence."""
    clauses = []
    for kind in kinds:
        example = next((offence for offence in found.offences if offence.kind == kind), None)
        shown = f": {_sentence(example)}" if example else ""
        clauses.append(f"{kind} ({found.kinds[kind]:,} of {found.due:,} rows){shown}")
    return "; ".join(clauses)


def _sentence(offence: Offence) -> str:
    if offence.key is None:
        return f"partition {offence.partition} offset {offence.offset}, {offence.explanation}"
    window = [] if offence.start is None else [f"[{offence.start}, {offence.end})"]
    names = " ".join([offence.key, *window, *(f"{name} {value}" for name, value in offence.identity.items())])
    return f"{names}, {offence.explanation}"


def _unknown_claims(history: History) -> list[str]:
    return [
        f"the engine claims {claim!r} for its {what}, which is none of {', '.join(CLAIMS)}"
        for what, claim in (
            ("processing", history.plan.processing_claimed),
            ("delivery", history.plan.delivery_claimed),
        )
        if claim not in CLAIMS
    ]


def _guarded(name: str, part: Callable[[], Any], doubts: list[str]) -> Any:
    """What the part returns; if it fails, None and a doubt: a judge that crashes proves nothing."""
    try:
        return part()
    except DamagedHistory as damage:
        doubts.append(damage.within(damage.where.parents[1]))
    except CannotJudge as reason:
        doubts.append(_NotJudged(reason) if reason.lacking else str(reason))
    except Unfit as unfit:
        doubts.append(_NotJudged(f"the events cannot be made again: {unfit.what}"))
    except Exception as error:
        doubts.append(_NotJudged(f"the judge crashed in {name}: {type(error).__name__}: {error}".splitlines()[0]))
    return None
