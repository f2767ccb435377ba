"""The public document that `--format json` prints: made from a result, and smaller."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from results.result import (
    Better,
    MetricValue,
    Outcome,
    ResultModel,
    RunResult,
    Subject,
    Verdict,
)


class PublicMetric(ResultModel):
    """A measured value. METHOD.md lists the metrics; packages outside may add others."""

    value: float
    """The figure, in `unit`."""
    unit: str
    """Such as `ms`, `bytes`, `events/s`."""
    better: Better
    """Which way is better; `none` for what ranks nothing."""
    bracketed: list[str]
    """Why the figure says less than it seems to, each in a line; empty where it stands as it is."""


class PublicMedian(PublicMetric):
    """A median over the trials of a case."""

    n: int
    """How many trials have it."""
    low: float
    """The lower end of its 95 % interval; of fewer than five trials, the least value."""
    high: float
    """The upper end, or the largest value."""


class PublicCase(Subject):
    """One engine in the phases of one kind."""

    trial_number: int | None
    """Which of its case's trials this is, from 1; None where the case has one only."""
    outcome: Outcome
    """What can be said of the engine's claims; see CaseResult."""
    reason: str
    """Why that is the outcome, in a line."""
    verdict: Verdict
    """Rows by count."""
    store: str
    """Where the engine's workers hold their state; empty where that is not told."""
    metrics: dict[str, PublicMetric]
    """Measured values, by the metric's name, without what they rest on."""


class PublicRepeated(Subject):
    """What several trials of a case come to."""

    outcome: Outcome
    """The worst of the trials'."""
    metrics: dict[str, PublicMedian]
    """Medians over the trials that have the metric, by its name."""


class Document(ResultModel):
    """What `--format json` prints."""

    run: str
    """The run's folder, as its user calls it."""
    cases: list[PublicCase]
    """In the order of the plan, the paced phase of a trial before its drains; each trial of a case by itself."""
    repeated: list[PublicRepeated]
    """What the trials of a case come to; empty where each case has one."""


def document(run: RunResult, folder: Path) -> dict[str, Any]:
    """The public document of a run that is stored in `folder`; valid against results/schema.json."""
    cases = [PublicCase(**_shown(case, PublicCase), metrics=_metrics(case.metrics, PublicMetric)) for case in run.cases]
    repeated = [
        PublicRepeated(**_shown(case, PublicRepeated), metrics=_metrics(case.metrics, PublicMedian))
        for case in run.repeated
    ]
    return Document(run=str(folder), cases=cases, repeated=repeated).model_dump(mode="json")


def _shown(case: ResultModel, public: type[ResultModel]) -> dict[str, Any]:
    """What stands in both, but for the metrics."""
    return {name: getattr(case, name) for name in public.model_fields if name != "metrics"}


_Public = TypeVar("_Public", bound=PublicMetric)


def _metrics(found: Mapping[str, MetricValue], public: type[_Public]) -> dict[str, _Public]:
    """The metrics without what is not shown of them."""
    fields = set(public.model_fields)
    return {name: public.model_validate(metric.model_dump(include=fields)) for name, metric in found.items()}


def schema() -> str:
    """The JSON Schema of the public document, as results/schema.json holds it."""
    # Serialisation: what is printed always has every field.
    described = Document.model_json_schema(mode="serialization")
    described |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Streamgauge results"}
    return json.dumps(described, indent=2, sort_keys=True) + "\n"
