"""What a gate found: plain data, stored as gate.json."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from results.history import METHOD_VERSION
from results.plan import Machine
from results.result import Better, Outcome, ResultModel

Side = Literal["baseline", "candidate"]
Stage = Literal["screen", "decision"]
Kind = Literal["revision", "folder", "none"]
FigureVerdict = Literal["pass", "regression", "accepted", "inconclusive", "not compared"]
GateVerdict = Literal["pass", "inconclusive", "regression", "wrong", "unfinished", "first"]


class GateTrial(ResultModel):
    """One trial of one case on one side."""

    case: str
    """ENGINE.MODE.WORKLOAD, and what else keeps cases apart."""
    side: Side
    """Whose code ran."""
    stage: Stage
    """The stage that it was made for."""
    quad: int = Field(ge=0)
    """Trials of one quad were made one after the other: ABBA, BAAB, or the half of one."""
    pair: int = Field(ge=0)
    """The pair that it belongs to, from 0 in each stage; the two were made one after the other."""
    outcome: Outcome
    """The worst of its phases, judged by the candidate's judge."""
    reason: str = ""
    """Why that is the outcome, where it is not `pass`."""
    figures: dict[str, float] = Field(default={})
    """Those that are gated, by the metric's name."""
    absent: dict[str, str] = Field(default={})
    """Why a figure is not there, by its name."""
    foreign_percent: float | None = None
    """CPU time that other work took beside it, of all; None where that cannot be told."""
    control_s: float | None = None
    """What the control took just before it, in CPU seconds; None for a trial that was stored."""


class StageResult(ResultModel):
    """What the pairs of one stage say of one figure of one case."""

    pairs: int
    """How many there were; against a folder, how many trials of the candidate."""
    change: float
    """By how much it became worse, as a share: 0.1 is 10 % more latency, or 10 % fewer events. Negative is better."""
    p: float
    """How often chance alone would show as much; in the decision adjusted by Holm's procedure."""


class Acceptance(ResultModel):
    """A change that is known and wanted, until a day."""

    case: str
    """Name of the case."""
    metric: str | None = None
    """Name of the figure; None for all of the case."""
    until: str
    """The last day on which it counts, as 2027-01-31."""
    reason: str
    """Why it is accepted."""


class FigureResult(ResultModel):
    """One figure of one case."""

    case: str
    """Name of the case."""
    metric: str
    """Name of the figure."""
    unit: str
    """Its unit."""
    better: Better
    """Which way is better."""
    limit: float
    """The change that is allowed, as a share."""
    verdict: FigureVerdict
    """`inconclusive`: no change was found, and one above the limit may have been missed."""
    why: str
    """The verdict in words."""
    old: float | None = None
    """Median over the baseline's trials, of the stage that decided; None where there is none."""
    new: float | None = None
    """Median over the candidate's."""
    screen: StageResult | None = None
    """The first stage; None where nothing could be compared."""
    decision: StageResult | None = None
    """The second stage, on fresh pairs alone; None where the screen flagged nothing."""
    floor: float | None = None
    """The least change that would have been found in 8 of 10 sessions, by how far trials of one side differ; None
    where that is not known."""
    accepted: Acceptance | None = None
    """Why a regression does not count; None where nothing says so."""


class WrongTrial(ResultModel):
    """A trial that did not pass."""

    case: str
    """Name of the case."""
    side: Side
    """Whose code ran."""
    outcome: Outcome
    """What it was instead."""
    reason: str
    """Why."""
    kept: str = ""
    """Where its history is kept; empty where it is not."""


class Control(ResultModel):
    """Work that the change cannot touch, done before every trial: what the machine itself did meanwhile."""

    what: str
    """What is computed."""
    baseline_s: float
    """Median of its CPU seconds before trials of the baseline."""
    candidate_s: float
    """The same before trials of the candidate."""
    drift: float
    """By how much the second is larger, as a share."""
    trend: float
    """By how much the later half of all is larger than the earlier half, as a share."""


class GateSide(ResultModel):
    """What was compared."""

    kind: Kind
    """`none`: there was no baseline, and this run was stored as one."""
    name: str
    """As it was asked for, in words."""
    commit: str = ""
    """The revision; empty where there is none."""
    dirty: bool = False
    """Whether files that git knows differ from that revision, or its code has one that git does not know."""


class GateResult(ResultModel):
    """A gate: baseline against candidate."""

    schema_version: Literal[1] = 1
    """Version of the form of gate.json."""
    method_version: int = METHOD_VERSION
    """Version of METHOD.md by which both sides were recorded and judged."""
    version: str
    """Of streamgauge, which judged both sides."""
    verdict: GateVerdict
    """The worst of all: wrong before unfinished before regression before inconclusive. `first`: nothing to compare."""
    summary: str
    """The verdict in a sentence."""
    baseline: GateSide
    """What was there before."""
    candidate: GateSide
    """What is to be gated."""
    suite: str
    """Name of the suite."""
    log: str
    """Kind of the log."""
    seed: int
    """Of the order of the trials."""
    started: str
    """When it began, UTC, as 2026-11-30T10:00:00Z."""
    seconds: float
    """How long it took."""
    machine: Machine
    """What it ran on."""
    figures: list[FigureResult] = Field(default=[])
    """By case, events per CPU-second before drain rate before latency."""
    wrong: list[WrongTrial] = Field(default=[])
    """Trials that did not pass, in the order in which they ran."""
    control: Control | None = None
    """None where nothing was timed."""
    notices: list[str] = Field(default=[])
    """What a reader must know beside that, each in a line."""
    trials: list[GateTrial] = Field(default=[])
    """Every trial, in the order in which they ran."""
