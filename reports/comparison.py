"""Results side by side: one comparison for each workload, log, guarantee, fault, aim, time-outs and kind of commit
interval; one row for each engine in a mode and a set-up.

Results over different logs, or of different events, are never put in one comparison.

Longer than most: whatever a section asks of a row is answered here, once for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.columns import columns
from results.metrics.metric import Metric
from results.metrics.statistics import INTERVAL_SAMPLES
from results.plan import TrialPlan
from results.result import (
    Calibration,
    CaseResult,
    CheckedThreshold,
    Guarantee,
    MetricValue,
    Noise,
    Offence,
    Outcome,
    ProbeResult,
    RepeatedCase,
    RunResult,
    Seen,
    Series,
    StrikeResult,
)

WORST_FIRST: tuple[Outcome, ...] = ("fail", "unknown", "unavailable", "unsupported", "pass")
UNTESTED = "No fault was injected: what was seen of a guarantee holds for undisturbed operation only."

VIOLATIONS = ("missing", "duplicate", "wrong", "unexpected")
"""The counts of a verdict that must be zero for a result to be right."""


@dataclass(frozen=True)
class Row:
    """An engine in a mode: the cases of its phases, taken together.

    repeated: what the trials come to in each phase, where there are several; else empty.
    """

    cases: tuple[CaseResult, ...]
    repeated: tuple[RepeatedCase, ...] = ()

    @property
    def first(self) -> CaseResult:
        return self.cases[0]

    @property
    def engine(self) -> str:
        return self.first.engine

    @property
    def name(self) -> str:
        """ENGINE, or ENGINE (MODE, SETTINGS) where there is more to these than that there is one."""
        how = self.first.set_up.in_words(self.first.mode)
        return f"{self.engine} ({how})" if how else self.engine

    @property
    def store(self) -> str:
        """Where its workers hold their state; empty where that is not told."""
        return next((case.store for case in self.cases if case.store), "")

    @property
    def kind(self) -> tuple[str, str, str]:
        """What must be the same in rows of which one is said to be faster: store, settings and layout."""
        set_up = self.first.set_up
        return self.store, set_up.settings or "plain", set_up.layout or ""

    @property
    def because(self) -> dict[str, str]:
        """Why settings are not left at their defaults, by name."""
        return {name: why for case in self.cases for name, why in case.reasons.items()}

    @property
    def outcome(self) -> Outcome:
        """The worst of the phases'."""
        return min((case.outcome for case in self.cases), key=WORST_FIRST.index)

    @property
    def trials(self) -> list[Row]:
        """Each trial by itself, by its number."""
        named: dict[str, list[CaseResult]] = {}
        for case in sorted(self.cases, key=lambda case: case.trial_number or 0):
            named.setdefault(case.trial, []).append(case)
        return [Row(tuple(cases)) for cases in named.values()]

    @property
    def trial_name(self) -> str:
        """Of a row that is one trial of several: the name with the trial's number."""
        number = self.first.trial_number
        return self.name if number is None else f"{self.name}, trial {number}"

    @property
    def reasons(self) -> list[str]:
        """Why phases did not pass, each reason once."""
        return self._told((case, [case.reason]) for case in self.cases if case.outcome != "pass" and case.reason)

    def _told(self, said: Iterable[tuple[CaseResult, Iterable[str]]]) -> list[str]:
        """What is said of cases, each once; of several trials with the numbers of those that it is said of."""
        numbers: dict[str, set[int]] = {}
        for case, texts in said:
            for text in texts:
                numbers.setdefault(text, set()).add(case.trial_number or 0)
        count = len(self.trials)
        return [
            text
            if len(mine) == count
            else f"{text} (trial{'s' if len(mine) > 1 else ''} {words(map(str, sorted(mine)))})"
            for text, mine in numbers.items()
        ]

    @property
    def reasons_to_tell(self) -> list[str]:
        """The reasons, but none of a result that is wrong: its offending rows say more."""
        return [] if self.outcome == "fail" and self.offences else self.reasons

    @property
    def ran(self) -> bool:
        return self.outcome not in ("unsupported", "unavailable")

    @property
    def counts(self) -> dict[str, int]:
        """Rows by comparison with the oracle, over the phases."""
        total: Counter[str] = Counter()
        for case in self.cases:
            total.update(case.verdict.model_dump())
        return dict(total)

    @property
    def sound(self) -> bool:
        """No row is missing, duplicate, wrong or unexpected: a speed may be shown without a warning before it."""
        return not any(self.counts[name] for name in VIOLATIONS)

    @property
    def allowed(self) -> bool:
        """Rows are not all as they should be, but no worse than the engine claims (duplicates at-least-once, say)."""
        return not self.sound and self.outcome == "pass"

    @property
    def suspect(self) -> bool:
        """The answer was wrong, or there were wrong rows and no verdict: a speed says nothing."""
        return self.outcome == "fail" or not (self.sound or self.allowed)

    @property
    def claimed(self) -> str:
        """What is claimed of delivery."""
        return next((case.delivery.claimed for case in self.cases if case.delivery), self.first.guarantee)

    @property
    def processing_claimed(self) -> str:
        return next((case.processing.claimed for case in self.cases if case.processing), self.first.guarantee)

    @property
    def weak_claims(self) -> str:
        """What is claimed that is weaker than exactly-once, as a subject; empty if nothing is."""
        claims = {"processing": self.processing_claimed, "delivery": self.claimed}
        weak = {of: claim for of, claim in claims.items() if claim != "exactly-once"}
        if len(set(weak.values())) == 1:
            return f"{next(iter(weak.values()))} {' and '.join(weak)}"
        return " and ".join(f"{claim} {of}" for of, claim in weak.items())

    @property
    def asked(self) -> TrialPlan | None:
        """What was asked of the engine; None where there was no trial."""
        return next((case.asked for case in self.cases if case.asked), None)

    @property
    def seen(self) -> Seen:
        """What was seen of delivery over the phases."""
        return _over_phases(case.delivery for case in self.cases)

    @property
    def strikes(self) -> list[StrikeResult]:
        return [strike for case in self.cases for strike in case.strikes]

    @property
    def probes(self) -> list[ProbeResult]:
        """The rates that were tried, in order; of several trials, those of the first."""
        return next((case.probes for case in self.cases if case.probes), [])

    @property
    def seen_in_words(self) -> str:
        """What was seen of delivery; untested where strikes were asked for, too few were exposed and all was exact."""
        return self._in_words(self.seen)

    def delivery_in_words(self, short: Mapping[str, str]) -> str:
        """What is claimed and what was seen. short: for the guarantees' names."""
        return _claim(self.claimed, self.seen_in_words, short)

    @property
    def processing_seen(self) -> Seen:
        """What was seen of processing over the phases."""
        return _over_phases(case.processing for case in self.cases)

    def processing_in_words(self, short: Mapping[str, str]) -> str:
        return _claim(self.processing_claimed, self._in_words(self.processing_seen), short)

    def _in_words(self, seen: Seen) -> str:
        struck = self.asked is not None and self.asked.strikes is not None
        short = any(case.observed.startswith("untested") for case in self.cases)
        untested = struck and (short or not any(strike.exposed for strike in self.strikes))
        return "untested" if untested and seen == "exact" else seen

    @property
    def claim_notes(self) -> list[str]:
        """What an engine's claim leaves out or rests on."""
        return list(dict.fromkeys(case.claim_note for case in self.cases if case.claim_note))

    @property
    def emulated(self) -> list[str]:
        """How it answers what it has no operator of its own for; empty where it has one, or that is not told."""
        return list(dict.fromkeys(case.emulated for case in self.cases if case.emulated))

    @property
    def isolation(self) -> list[str]:
        """Why it was not tested that the engine reads only what is committed; empty where it was."""
        told = (case.isolation for case in self.cases if case.isolation not in ("", "tested"))
        return [f"isolation: {why}" for why in dict.fromkeys(told)]

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the numbers, each once."""
        return self._told((case, case.notes) for case in self.cases)

    @property
    def last_lines(self) -> list[str]:
        """What a process that failed the trial printed last."""
        return next((case.last_lines for case in self.cases if case.last_lines), [])

    @property
    def absences(self) -> dict[str, list[str]]:
        """Why metrics of a results table are absent from a phase that was judged: reason, and the metrics' names."""
        found: dict[str, list[str]] = {}
        shown = [column.metric for column in columns()]
        for case in self.cases:
            for metric in shown:
                why = case.absent.get(metric.name)
                if why is not None and self.measured(metric) is None and case.outcome != "unknown":
                    found.setdefault(why, []).append(metric.name)
        return found

    @property
    def offences(self) -> list[Offence]:
        return [offence for case in self.cases for offence in case.offences]

    @property
    def settings(self) -> dict[str, str]:
        return {name: value for case in self.cases for name, value in case.settings.items()}

    def measured(self, metric: Metric) -> MetricValue | None:
        """What was measured of a metric; the largest where several phases have it (peaks). Of several trials, the
        median.
        """
        told = self.repeated or self.cases
        found = [case.metrics[metric.name] for case in told if metric.name in case.metrics]
        return max(found, key=lambda one: one.value, default=None)

    def interval(self, metric: Metric) -> tuple[float, float] | None:
        """Between which values the median over trials lies; None where there are too few trials to tell."""
        found = self.measured(metric) if self.repeated else None
        if found is None or found.low is None or found.high is None or (found.n or 0) < INTERVAL_SAMPLES:
            return None
        return found.low, found.high

    def absent(self, metric: Metric) -> str | None:
        """Why a metric that no phase has is absent; None where nothing is said of it."""
        said = (case.absent[metric.name] for case in self.cases if metric.name in case.absent)
        return None if self.measured(metric) else next(said, None)

    def value(self, metric: Metric) -> float | None:
        found = self.measured(metric)
        return None if found is None else found.value

    def bracketed(self, metric: Metric) -> bool:
        """Whether a value says less than it seems to."""
        found = self.measured(metric)
        return found is not None and bool(found.bracketed)

    def doubtful(self, metric: Metric) -> bool:
        """Whether a value is to stand in brackets: it says less than it seems to, or the answer was wrong."""
        return self.bracketed(metric) or (self.suspect and self.measured(metric) is not None)

    def total(self, metric: Metric) -> float | None:
        """The metric's sum over phases and trials; None where none of them has it."""
        found = [case.metrics[metric.name].value for case in self.cases if metric.name in case.metrics]
        return sum(found) if found else None

    def series(self, name: str) -> Series | None:
        return next((series for case in self.cases for series in case.series if series.name == name), None)


def _claim(claimed: str, seen: str, short: Mapping[str, str]) -> str:
    return f"{short.get(claimed, claimed)} → {short.get(seen, seen)}"


def _over_phases(guarantees: Iterable[Guarantee | None]) -> Seen:
    """What was seen over the phases: losses and replays together are broken."""
    seen = {guarantee.seen if guarantee else "unknown" for guarantee in guarantees}
    if "broken" in seen or {"at-least-once", "at-most-once"} <= seen:
        return "broken"
    order: tuple[Seen, ...] = ("at-most-once", "at-least-once", "unknown")
    return next((word for word in order if word in seen), "exact")


@dataclass(frozen=True)
class Comparison:
    """Rows that may be compared: same workload and parameters, log, fault, guarantee asked for, and kind of commit
    interval. Which of them is faster is said among rows of one kind only (`Row.kind`).
    """

    workload: str
    """Name of the workload, as in result.json."""
    log: str
    """Kind of log: `embedded` or `kafka`."""
    fault: str
    """Name of the fault that was injected; `none` where there was none."""
    guarantee: str
    """The guarantee that was asked for; what an engine claims may be less."""
    rows: tuple[Row, ...]
    """One for each engine and mode, in the order in which their cases ran; by name where these were shuffled."""
    aim: str = ""
    """When the strikes were to fall, as `results.plan.Aim` says; empty where there were none."""
    timeouts: str = ""
    """The engines' time-outs under strikes, `default` or `tuned`; empty where there were none."""
    own_interval: bool = False
    """Whether each engine committed at an interval of its own."""
    interval_ms: int | None = None
    """The commit interval, where a run has several; else None."""
    calibration: Calibration | None = None
    """What the harness itself takes with the workload; None where it was not measured."""
    noise: tuple[Noise, ...] = ()
    """What is known of the noise of the machine on this kind of log."""
    thresholds: tuple[CheckedThreshold, ...] = ()
    """What became of thresholds in the cases of its rows."""

    @property
    def title(self) -> str:
        fault = "" if self.fault == "none" else f", fault {self.fault}"
        if self.aim:
            fault += f" (aimed by {self.aim}), {self.timeouts} time-outs"
        if self.own_interval:
            fault += ", each at its own commit interval"
        if self.interval_ms is not None:
            fault += f", a commit every {self.interval_ms:,} ms"
        return (
            f"{self.workload} on {'Kafka' if self.log == 'kafka' else f'the {self.log} log'}{fault}, {self.guarantee}"
        )

    @property
    def ran(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.ran)

    def visible_change(self, metric: Metric) -> float:
        """The smallest change of a metric that the machine was seen to tell from none, as a share; 0 where that is not
        known.
        """
        return max((each.changes.get(metric.name, 0.0) for each in self.noise), default=0.0)


def compare(run: RunResult) -> list[Comparison]:
    """The comparisons of a run; rows stand in the order in which their cases ran, or by name where it was shuffled."""
    aimed: dict[_Asked, tuple[str, str]] = {}
    for case in run.cases:
        if case.asked is not None and case.asked.strikes is not None:
            aimed.setdefault(_asked(case), (case.asked.strikes.aim, case.asked.strikes.timeouts))
    grouped: dict[tuple[_Asked, tuple[str, str], tuple[bool, int | None]], dict[tuple[str, ...], list[CaseResult]]] = {}
    for case in run.cases:
        asked = _asked(case)
        # Of a case that did not run, the result does not say how strikes were to be aimed.
        aim = aimed.get(asked, ("", ""))
        if case.asked is not None:
            aim = (case.asked.strikes.aim, case.asked.strikes.timeouts) if case.asked.strikes else ("", "")
        row = (case.engine, case.mode, *case.set_up.parts)
        every = (case.set_up.own_interval, case.set_up.interval_ms)
        grouped.setdefault((asked, aim, every), {}).setdefault(row, []).append(case)
    shuffled = bool(run.repeated)
    return [
        Comparison(
            *asked,
            tuple(_row(rows[name], run) for name in (sorted(rows) if shuffled else rows)),
            *aim,
            *every,
            next((each for each in run.calibrations if each.workload == asked[0]), None),
            tuple(each for each in run.noise if each.log == asked[1]),
            _thresholds((case for row in rows.values() for case in row), run),
        )
        for (asked, aim, every), rows in grouped.items()
    ]


def _row(cases: list[CaseResult], run: RunResult) -> Row:
    mine = {case.trial for case in cases}
    return Row(tuple(cases), tuple(case for case in run.repeated if mine.issuperset(case.trials)))


def _thresholds(cases: Iterable[CaseResult], run: RunResult) -> tuple[CheckedThreshold, ...]:
    mine = {case.trial for case in cases}
    return tuple(each for each in run.thresholds if each.trials and mine.issuperset(each.trials))


_Asked = tuple[str, str, str, str]


def _asked(case: CaseResult) -> _Asked:
    """Workload, log, fault and the guarantee that was asked of all: what an engine claims may be less."""
    return case.workload, case.log, case.fault, case.asked.guarantee if case.asked else case.guarantee


def words(items: Iterable[str]) -> str:
    """a, b and c."""
    listed: Sequence[str] = list(items)
    return " and ".join(part for part in (", ".join(listed[:-1]), *listed[-1:]) if part)
