"""What a judged run is: plain data, stored as JSON, and the smaller public document made from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from results.history import METHOD_VERSION
from results.plan import Machine, TrialPlan

PhaseKind = Literal["paced", "drain"]
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
]
"""What is wrong with a row, in METHOD.md's words."""


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, json_schema_serialization_defaults_required=True
    )


class Verdict(_Model):
    """Counts of rows, by comparison with the oracle; see METHOD.md, "Correctness"."""

    match: int = Field(default=0, ge=0)
    missing: int = Field(default=0, ge=0)
    duplicate: int = Field(default=0, ge=0)
    wrong: int = Field(default=0, ge=0)
    unexpected: int = Field(default=0, ge=0)
    late_dropped: int = Field(default=0, ge=0)


class MetricValue(_Model):
    """A measured value. n: how many rows, events, samples or strikes it rests on, where that says something.

    low, high: of a median over strikes, its 95 % interval; where there are too few for one, their range. Of a figure
    for which the collector stalled, the ends between which it lies.
    """

    value: float
    unit: str
    better: Better
    n: int | None = None
    low: float | None = None
    high: float | None = None


class Offence(_Model):
    """A row that is not as it should be, and what the audit sums say about it. count_as: what the verdict counts it as;
    a row may match and still be out of order, or of an aborted transaction.

    start, end: the time window, epoch ms. identity: what else names the row, by name. partition, offset: where the row
    stands in the output log; None for a missing row.
    expected, found: fields by name; found holds the raw text of a malformed row. ids: the first events concerned,
    ids_count: how many there are.
    """

    kind: Kind
    count_as: Literal["match", "missing", "duplicate", "wrong", "unexpected"]
    phase: str
    key: str | None
    start: int | None
    end: int | None
    identity: dict[str, int] = {}
    partition: int | None = None
    offset: int | None = None
    expected: dict[str, int] | None = None
    found: dict[str, int] | str | None = None
    ids: list[int] = []
    ids_count: int = 0
    explanation: str


class Guarantee(_Model):
    """A guarantee as the engine's manual claims it for the mode that ran, and as it was seen."""

    claimed: str
    seen: Seen = "unknown"


class Series(_Model):
    """Points for a chart, drawn from raw data: x ascends."""

    name: str
    x_label: str
    y_label: str
    x: list[float]
    y: list[float]


class StrikeResult(_Model):
    """One strike: what was done, what was at stake, and how the engine came back. Seconds count from the injection.

    slot: of the worker that was struck, None where not one was. at_s: when it was injected, after the paced phase
    began; None where it was not. aim, detail: in words. exposed: whether it counts as a test of the guarantee. outputs,
    inputs, unanswered, aborted, commit_age_s: as in `results.history.Exposed`. sign: of the engine, that it noticed.
    healed_s: until what was done was undone, and what died was started again. caught_up_s: None where it did not catch
    up within watched_s, the time until the next strike or the end of the load. cores, memory_bytes: of the engine, mean
    and peak, until it had caught up, or for as long as it was watched. repeated: rows that were there before and came
    again, until the next strike. aborted_copies: records of aborted transactions that were appended since the strike
    before was healed, until this one was.
    """

    number: int
    fault: str
    aim: str
    detail: str
    state: Literal["confirmed", "unconfirmed", "missed"]
    slot: int | None = None
    exposed: bool = False
    outputs: int | None = None
    inputs: int | None = None
    unanswered: int | None = None
    aborted: int | None = None
    commit_age_s: float | None = None
    at_s: float | None = None
    sign: str = ""
    detected_s: float | None = None
    healed_s: float | None = None
    first_output_s: float | None = None
    caught_up_s: float | None = None
    watched_s: float | None = None
    max_latency_ms: float | None = None
    lost_service_s: float | None = None
    cores: float | None = None
    memory_bytes: int | None = None
    repeated: int | None = None
    aborted_copies: int | None = None


class CaseResult(_Model):
    """One engine in one phase. guarantee: of delivery, as claimed in the mode that ran.

    observed: the verdict in words. absent: why a metric is not there, by its name. notes: what a reader must know
    beside the numbers. last_lines: what a process that failed printed last. kinds: how many rows were wrong in which
    way. offences: the first of each count. asked: the trial's plan, None where there was no trial.
    """

    engine: str
    mode: str
    workload: str
    log: str
    fault: str
    guarantee: str
    phase: PhaseKind
    outcome: Outcome
    reason: str
    verdict: Verdict = Verdict()
    observed: str = "unknown"
    processing: Guarantee | None = None
    delivery: Guarantee | None = None
    claim_note: str = ""
    metrics: dict[str, MetricValue] = {}
    absent: dict[str, str] = {}
    notes: list[str] = []
    last_lines: list[str] = []
    kinds: dict[Kind, int] = {}
    offences: list[Offence] = []
    series: list[Series] = []
    strikes: list[StrikeResult] = []
    settings: dict[str, str] = {}
    engine_version: str = ""
    trial: str = ""
    asked: TrialPlan | None = None
    schema_version: Literal[1] = 1
    method_version: int = METHOD_VERSION


class RunResult(_Model):
    """A judged run. run: its folder's name. machine: None if nothing ran."""

    schema_version: Literal[1] = 1
    method_version: int = METHOD_VERSION
    run: str
    suite: str
    machine: Machine | None
    cases: list[CaseResult]


_WORST_FIRST: tuple[Outcome, ...] = ("fail", "unknown", "pass", "unavailable", "unsupported")
"""What cannot run is no failure beside what ran: an outcome of those that ran comes before it."""


def worst(cases: Iterable[CaseResult]) -> Outcome | None:
    """The outcome that stands for all cases: one that is wrong before one that is unknown before those that are right.

    `unavailable` or `unsupported` only where nothing ran, and None where there is no case.
    """
    outcomes = {case.outcome for case in cases}
    return next((outcome for outcome in _WORST_FIRST if outcome in outcomes), None)


class PublicMetric(_Model):
    value: float
    unit: str
    better: Better


class PublicCase(_Model):
    engine: str
    mode: str
    workload: str
    log: str
    fault: str
    guarantee: str
    phase: PhaseKind
    outcome: Outcome
    reason: str
    verdict: Verdict
    metrics: dict[str, PublicMetric]


class Document(_Model):
    """What `--format json` prints."""

    run: str
    cases: list[PublicCase]


def document(run: RunResult, folder: Path) -> dict[str, Any]:
    """The public document of a run that is stored in `folder`; valid against results/schema.json."""
    cases = []
    for case in run.cases:
        shown = {name: getattr(case, name) for name in PublicCase.model_fields if name != "metrics"}
        metrics = {
            name: PublicMetric(value=metric.value, unit=metric.unit, better=metric.better)
            for name, metric in case.metrics.items()
        }
        cases.append(PublicCase(**shown, metrics=metrics))
    return Document(run=str(folder), cases=cases).model_dump(mode="json")


def schema() -> str:
    """The JSON Schema of the public document, as results/schema.json holds it."""
    # Serialisation: what is printed always has every field.
    described = Document.model_json_schema(mode="serialization")
    described |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Streamgauge results"}
    return json.dumps(described, indent=2, sort_keys=True) + "\n"
