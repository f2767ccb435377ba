"""What a judged run is: plain data, stored as JSON.

Longer than most: every part of result.json, each field with what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from results.history import METHOD_VERSION
from results.plan import Checkout, Machine, SetUp, TrialPlan
from results.rate_search import BEHIND_MS

PhaseKind = Literal["paced", "drain", "probe"]
Outcome = Literal["pass", "fail", "unknown", "unsupported", "unavailable"]
Better = Literal["lower", "higher", "none"]
Seen = Literal["exact", "at-least-once", "at-most-once", "broken", "unknown"]
Kind = Literal[
    "loss",
    "double count",
    "wrong value",
    "broken audit",
    "conflict",
    "duplicate",
    "unexpected",
    "malformed",
    "aborted read",
    "out of order",
    "torn",
    "premature",
    "scattered",
    "uncommitted read",
]
"""What is wrong with a row, in METHOD.md's words."""


class ResultModel(BaseModel):
    """Strict plain data."""

    # What is said under a field describes it in the JSON Schema.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,
        use_attribute_docstrings=True,
    )


class Verdict(ResultModel):
    """Counts of rows, by comparison with the oracle; see METHOD.md, "Correctness"."""

    match: int = Field(default=0, ge=0)
    """Rows that are as they should be."""
    missing: int = Field(default=0, ge=0)
    """Rows that are due and not there."""
    duplicate: int = Field(default=0, ge=0)
    """Rows that repeat one that is there."""
    wrong: int = Field(default=0, ge=0)
    """Rows that are due, with other values."""
    unexpected: int = Field(default=0, ge=0)
    """Rows that no due row asks for, and those that cannot be read."""
    late_dropped: int = Field(default=0, ge=0)
    """Late events that were not counted, once for each window that they fall into; no error."""


class MetricValue(ResultModel):
    """A measured value."""

    value: float
    """The figure, in `unit`."""
    unit: str
    """Such as `ms`, `bytes`, `events/s`."""
    better: Better
    """Which way is better; `none` for what ranks nothing."""
    n: int | None = None
    """How many rows, events, samples, strikes or trials it rests on; None where that says nothing."""
    low: float | None = None
    """Of a median over strikes or trials, the lower end of its 95 % interval; where there are too few for one, of their
    range. Of a figure for which the collector stalled, the least that it may be. Else None."""
    high: float | None = None
    """The upper end likewise."""
    bracketed: list[str] = []
    """Why the figure says less than it seems to, each in a line: it stands in brackets then, and ranks nothing."""


class Offence(ResultModel):
    """A row that is not as it should be, and what the audit sums say about it."""

    kind: Kind
    """What is wrong with it."""
    count_as: Literal["match", "missing", "duplicate", "wrong", "unexpected"]
    """What the verdict counts it as; a row may match and still be out of order, or of an aborted transaction."""
    phase: str
    """Name of the phase that it belongs to."""
    key: str | None
    """The row's key; None where it cannot be read."""
    start: int | None
    """Begin of its time window, epoch ms; None where it has none."""
    end: int | None
    """End of its time window, epoch ms, exclusive; None where it has none."""
    identity: dict[str, int] = {}
    """What else names the row, by name."""
    partition: int | None = None
    """Where the row stands in the output log; None for a missing row."""
    offset: int | None = None
    """Where it stands in its partition; None for a missing row."""
    expected: dict[str, int] | None = None
    """What the row should have, by field; None where no row is due, or where something else is wrong with it."""
    found: dict[str, int] | str | None = None
    """What it has, by field; the raw text of a malformed row; None for a missing row."""
    ids: list[int] = []
    """The first events concerned."""
    ids_count: int = 0
    """How many events are concerned; 0 where that cannot be told."""
    explanation: str
    """What became of those events, or why the row is wrong, in words."""


class Guarantee(ResultModel):
    """A guarantee as the engine's manual claims it for the mode that ran, and as it was seen."""

    claimed: str
    seen: Seen = "unknown"


class Series(ResultModel):
    """Points for a chart, drawn from raw data: x ascends."""

    name: str
    """By which reports find it."""
    x_label: str
    """What x is, with its unit."""
    y_label: str
    """What y is, with its unit."""
    x: list[float]
    """In ascending order."""
    y: list[float]
    """One for each x."""


class StrikeResult(ResultModel):
    """One strike: what was done, what was at stake, and how the engine came back.

    Seconds count from the injection where nothing else is said. What cannot be told, for want of output, samples or
    marks, is None.
    """

    number: int
    """Strikes of a trial are numbered from 1."""
    fault: str
    """Name of the fault."""
    aim: str
    """What it was aimed at, in words."""
    detail: str
    """What was done, or why nothing was, in words."""
    state: Literal["confirmed", "unconfirmed", "missed"]
    """`unconfirmed`: whether it took effect could not be told. `missed`: its aim was not met, nothing was done."""
    slot: int | None = None
    """Slot of the worker that was struck; None where not one was."""
    exposed: bool = False
    """Whether it counts as a test of the guarantee."""
    outputs: int | None = None
    """Output records written since the last durable commit, as in `results.history.Exposed`."""
    inputs: int | None = None
    """Input records appended since then."""
    unanswered: int | None = None
    """Input records behind that commit without a row in the output log; None where that cannot be told."""
    aborted: int | None = None
    """Of the outputs, those in a transaction that was open."""
    commit_age_s: float | None = None
    """How old that commit was at the injection, in seconds."""
    at_s: float | None = None
    """When it was injected, after the paced phase began; None where it was not."""
    sign: str = ""
    """By what the engine showed that it noticed; empty where it did not."""
    detected_s: float | None = None
    """Until the engine showed that."""
    healed_s: float | None = None
    """Until what was done was undone, and what died was started again."""
    first_output_s: float | None = None
    """Until the first new row could be read; None where none could before the next strike."""
    caught_up_s: float | None = None
    """Until latency and lag were as before; None where the engine did not catch up within watched_s."""
    watched_s: float | None = None
    """Until the next strike or the end of the load."""
    max_latency_ms: float | None = None
    """The largest result latency while it was watched."""
    lost_service_s: float | None = None
    """Seconds' worth of output that did not come in its time."""
    cores: float | None = None
    """CPU of the engine, on average, until it had caught up, or for as long as it was watched."""
    memory_bytes: int | None = None
    """Memory of the engine at its peak, in the same time."""
    repeated: int | None = None
    """Rows that were there before and came again, until the next strike."""
    aborted_copies: int | None = None
    """Records of aborted transactions that were appended since the strike before was healed, until this one was."""


class ProbeResult(ResultModel):
    """A steady load at one rate. What cannot be told is None."""

    number: int
    """Probes of a trial are numbered from 1, in their order."""
    rate: float
    """Events per second that were planned."""
    seconds: float
    """How long the judged part lasted."""
    outcome: Literal["held", "failed", "ceiling", "inconclusive"]
    """`held`: the engine sustained it. `ceiling`: the generator was behind, so nothing is known of the engine."""
    why: str = ""
    """Why it was not held; empty where it was."""
    confirming: bool = False
    """Whether it was one of the longer ones, which are believed before the others."""
    lag_growth: float | None = None
    """By how much the lag grew, as a share of the load."""
    commits: int | None = None
    """How many commits that rests on."""
    p50_ms: float | None = None
    """Median of the result latency."""
    p99_ms: float | None = None
    """Its 99th percentile."""
    max_ms: float | None = None
    """The largest; of a short probe, whose closings make no percentile, there is no more than this."""
    cores: float | None = None
    """CPU seconds of the engine a second."""
    late_ms: float | None = None
    """How late the load generator was at p99; latencies count from planned times, so they contain it."""
    bracketed: str = ""
    """Why its figures say less than they seem to, such as other work beside it; empty where they stand."""

    @property
    def latencies_doubtful(self) -> bool:
        """Whether its latencies say less than they seem to, also since they contain that the generator was late."""
        return bool(self.bracketed) or (self.late_ms or 0.0) > BEHIND_MS


class Subject(ResultModel):
    """Who was judged, and in what: one engine in the phases of one kind."""

    engine: str
    """Name of the engine."""
    mode: str
    """The engine's mode that ran."""
    set_up: SetUp = SetUp()
    """How the engine was set beside its mode."""
    workload: str
    """Name of the workload."""
    log: str
    """Kind of the log."""
    fault: str
    """Name of the fault; `none` for none."""
    guarantee: str
    """Of delivery, as claimed in the mode that ran; where nothing ran, as asked for."""
    phase: PhaseKind
    """The kind of phases that is judged."""

    @property
    def subject(self) -> dict[str, Any]:
        """These fields, for another result of the same subject."""
        return {name: getattr(self, name) for name in Subject.model_fields}


class CaseResult(Subject):
    """One engine in the phases of one kind."""

    outcome: Outcome
    """`pass`: the engine does what it claims. `fail`: it does not. `unknown`: that cannot be told. `unsupported`,
    `unavailable`: it could not run."""
    reason: str
    """Why that is the outcome, in a line; the notes follow."""
    verdict: Verdict = Verdict()
    """Rows by count; all 0 where nothing was counted."""
    observed: str = "unknown"
    """The verdict in words."""
    processing: Guarantee | None = None
    """Claimed and seen for the effect of events on the state; None where no trial was judged."""
    delivery: Guarantee | None = None
    """Claimed and seen for the rows at the sink; None where no trial was judged."""
    claim_note: str = ""
    """What a reader must know beside the claims; may be empty."""
    emulated: str | None = None
    """How the engine answers the query where it has no operator of its own for it; empty where it has, and None where
    that is not told."""
    isolation: str = ""
    """Whether it was tested that the engine reads only what is committed: `tested`, or why it was not; empty where
    nothing can be said."""
    metrics: dict[str, MetricValue] = {}
    """Measured values, by the metric's name."""
    absent: dict[str, str] = {}
    """Why a metric is not there, by its name."""
    notes: list[str] = []
    """What a reader must know beside the numbers."""
    last_lines: list[str] = []
    """What a process that failed printed last."""
    kinds: dict[Kind, int] = {}
    """How many rows were wrong in which way."""
    offences: list[Offence] = []
    """The first offending rows of each count and kind."""
    series: list[Series] = []
    """Points for charts."""
    strikes: list[StrikeResult] = []
    """The strikes that were tried, in order; empty where none were."""
    probes: list[ProbeResult] = []
    """The rates that were tried, in order; empty where none were."""
    settings: dict[str, str] = {}
    """Engine settings that differ from its defaults, by the engine's own names."""
    reasons: dict[str, str] = {}
    """Why a setting is not left at its default, by its name."""
    engine_version: str = ""
    """Version of the engine's own software; empty where no trial was judged."""
    store: str = ""
    """Where the engine's workers hold their state; empty where that is not told."""
    trial: str = ""
    """Name of the trial, and of its history's folder."""
    asked: TrialPlan | None = None
    """The trial's plan; None where no trial was judged."""
    trial_number: int | None = None
    """Which of its case's trials this is, from 1; None where the case has one only."""
    not_judged: bool = False
    """Unknown because the judge lacked something here or crashed, which says nothing of the trial."""
    schema_version: Literal[1] = 1
    """Version of the form of this."""
    method_version: int = METHOD_VERSION
    """Version of METHOD.md by which it was judged."""


class RepeatedCase(Subject):
    """What several trials of a case come to: one engine in the phases of one kind."""

    outcome: Outcome
    """The worst of the trials'."""
    trials: list[str]
    """Names of the trials that were planned, by their numbers."""
    metrics: dict[str, MetricValue] = {}
    """Of each metric that a trial has, the median over those that have it: `n` is how many these are, `low` and `high`
    are the ends of its interval."""


class CheckedThreshold(Subject):
    """What became of a threshold in one case: trials of it are taken together."""

    text: str
    """The threshold as it was written, such as `p99 < 2s`."""
    metric: str
    """The metric's name."""
    statistic: Literal["median", "min", "max"] | None = None
    """Of a time that each strike has by itself, what is bound: over the strikes. None for the metric as it is."""
    relation: Literal["<", "<=", ">", ">="]
    """How the metric is to stand to the bound."""
    bound: float
    """In `unit`."""
    unit: str
    """The metric's unit; empty where no trial has the metric."""
    state: Literal["met", "crossed", "undecided"]
    """`undecided`: the figure is not there, or says less than it seems to."""
    value: float | None = None
    """The figure; of several trials the median. None where it is not known."""
    n: int = 0
    """How many trials have it."""
    low: float | None = None
    """The lower end of its interval, as of a metric; None where there is none."""
    high: float | None = None
    """The upper end likewise."""
    why: str = ""
    """Why it is undecided, or what must be known beside the figure, in a line; else empty."""
    trials: list[str] = []
    """Names of the case's trials, by their numbers."""


class Calibration(ResultModel):
    """What the harness itself takes with a workload: measured with the echo, which computes nothing."""

    workload: str
    """Name of the workload whose events were sent, and as many rows as it is due written."""
    asked: TrialPlan | None = None
    """What was asked of the echo, and when and on what; None where that cannot be read."""
    rows: int = 0
    """How many rows the echo wrote in all."""
    floor_p50_ms: float | None = None
    """Half of its rows could be read within so many ms from the planned time of their event; None without a load."""
    floor_p99_ms: float | None = None
    """The same of 99 %."""
    ceiling: float | None = None
    """Events a second in the last backlog; None without one."""
    disturbed: str = ""
    """What took so much of the machine meanwhile that nothing is marked by it, in a line; empty where nothing did."""
    lacking: str = ""
    """Why nothing is known, in a line; empty where something is."""


class Noise(ResultModel):
    """How far a case differs from itself on a machine: what is smaller cannot be seen there."""

    engine: str
    """Name of the engine that was tried."""
    mode: str
    """Its mode."""
    workload: str
    """Name of the workload."""
    log: str
    """Kind of the log."""
    trials: int
    """How many trials it rests on."""
    run: str
    """Name of the run's folder."""
    machine: Machine
    """What it ran on."""
    changes: dict[str, float]
    """By the metric's name, the smallest change that can be told from none, as a share of the median."""
    bracketed: list[str] = []
    """The metrics of which nothing is told, since in a trial they said less than they seemed to."""


class Provenance(ResultModel):
    """Where a run comes from, as its first trial recorded it; every trial's own is in what was asked of it."""

    started: str | None = None
    """When the first trial began, UTC, as `2026-11-30T10:15:00Z`; None if nothing ran."""
    command: str = ""
    """What was typed; empty where that is not told."""
    versions: dict[str, str] = {}
    """By name, of Streamgauge, its Kafka client, every engine that ran, and Java where one runs on it."""
    checkout: Checkout | None = None
    """The state of Streamgauge's own code; None where it was no checkout, or that is not told."""


class RunResult(ResultModel):
    """A judged run."""

    schema_version: Literal[1] = 1
    """Version of the form of result.json."""
    method_version: int = METHOD_VERSION
    """Version of METHOD.md by which it was judged."""
    run: str
    """Name of the run's folder."""
    suite: str
    """Name of the suite."""
    machine: Machine | None
    """What it ran on; None if nothing ran."""
    provenance: Provenance = Provenance()
    """Where it comes from; nothing is told in results of before it was kept."""
    cases: list[CaseResult]
    """In the order in which they ran; each trial of a case by itself."""
    repeated: list[RepeatedCase] = []
    """What the trials of a case come to, where a case has several."""
    thresholds: list[CheckedThreshold] = []
    """What became of every threshold in every case that it is asked of; empty where there are none."""
    calibrations: list[Calibration] = []
    """What the harness itself takes, by workload; none where it was not measured."""
    noise: list[Noise] = []
    """What the run's machine was known to be able to see as the run began."""


_WORST_FIRST: tuple[Outcome, ...] = ("fail", "unknown", "pass", "unavailable", "unsupported")
"""What cannot run is no failure beside what ran: an outcome of those that ran comes before it."""


def worst(cases: Iterable[CaseResult]) -> Outcome | None:
    """The outcome that stands for all cases: one that is wrong before one that is unknown before those that are right.

    `unavailable` or `unsupported` only where nothing ran, and None where there is no case.
    """
    outcomes = {case.outcome for case in cases}
    return next((outcome for outcome in _WORST_FIRST if outcome in outcomes), None)
