"""The public document that `--format json` prints: made from a result, and smaller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from results import provenance
from results.plan import Checkout, Machine
from results.result import (
    CaseResult,
    CheckedThreshold,
    Guarantee,
    MetricValue,
    Outcome,
    ProbeResult,
    Provenance,
    ResultModel,
    RunResult,
    StrikeResult,
    Subject,
    Verdict,
)

VERSION: Literal[1] = 1
"""Of the form of the document: raised where one that could read it no longer can."""


class PublicCase(Subject):
    """One engine in the phases of one kind."""

    trial: str
    """Name of the trial."""
    trial_number: int | None
    """Which of its case's trials this is, from 1; None where the case has one only."""
    started: str | None
    """When the trial began, UTC; None where it did not run."""
    outcome: Outcome
    """What can be said of the engine's claims; see CaseResult."""
    reason: str
    """Why that is the outcome, in a line."""
    observed: str
    """The verdict in words."""
    verdict: Verdict
    """Rows by count."""
    processing: Guarantee | None
    """Claimed and seen for the effect of events on the state; None where no trial was judged."""
    delivery: Guarantee | None
    """Claimed and seen for the rows at the sink; None where no trial was judged."""
    claim_note: str
    """What a reader must know beside the claims; may be empty."""
    emulated: str | None
    """How the engine answers the query where it has no operator of its own for it; empty where it has, and None where
    that is not told."""
    engine_version: str
    """Version of the engine's own software; empty where no trial was judged."""
    versions: dict[str, str]
    """By name, of all that took part; empty where it did not run."""
    checkout: Checkout | None
    """The state of Streamgauge's own code; None where it was no checkout, or that is not told."""
    store: str
    """Where the engine's workers hold their state; empty where that is not told."""
    metrics: dict[str, MetricValue]
    """Measured values, by the metric's name. METHOD.md lists them; packages outside may add others."""
    absent: dict[str, str]
    """Why a metric is not there, by its name."""
    strikes: list[StrikeResult]
    """The strikes that were tried, in order; empty where none were."""
    probes: list[ProbeResult]
    """The rates that were tried, in order; empty where none were."""
    notes: list[str]
    """What a reader must know beside the numbers."""
    method_version: int
    """Version of METHOD.md by which it was judged."""


class PublicRepeated(Subject):
    """What several trials of a case come to."""

    outcome: Outcome
    """The worst of the trials'."""
    trials: list[str]
    """Names of the trials that were planned, by their numbers."""
    metrics: dict[str, MetricValue]
    """Medians over the trials that have the metric, by its name: `n` is how many these are, `low` and `high` are the
    ends of the 95 % interval; of fewer than five trials, of the range."""


class Document(ResultModel):
    """What `--format json` prints."""

    schema_version: Literal[1] = VERSION
    """Version of the form of this."""
    method_version: int
    """Version of METHOD.md by which the run was judged."""
    run: str
    """The run's folder, as its user calls it."""
    suite: str
    """Name of the suite."""
    provenance: Provenance
    """When, how and by which code the run was made."""
    machine: Machine | None
    """What it ran on; None if nothing ran."""
    cases: list[PublicCase]
    """In the order of the plan, the paced phase of a trial before its drains; each trial of a case by itself."""
    repeated: list[PublicRepeated]
    """What the trials of a case come to; empty where each case has one."""
    thresholds: list[CheckedThreshold]
    """What became of every threshold in every case that it is asked of; empty where there are none."""


def document(run: RunResult, path: Path) -> dict[str, Any]:
    """The public document of a run that is stored at `path`; valid against results/schema.json."""
    return Document(
        method_version=run.method_version,
        run=str(path),
        suite=run.suite,
        provenance=provenance.of(run),
        machine=run.machine,
        cases=[_public(case) for case in run.cases],
        repeated=[PublicRepeated(**_shown(case, PublicRepeated)) for case in run.repeated],
        thresholds=run.thresholds,
    ).model_dump(mode="json")


def _public(case: CaseResult) -> PublicCase:
    asked = case.asked
    return PublicCase(
        **_shown(case, PublicCase),
        started=provenance.started(asked) if asked else None,
        versions=asked.versions if asked else {},
        checkout=asked.checkout if asked else None,
    )


def _shown(case: ResultModel, public: type[ResultModel]) -> dict[str, Any]:
    """What stands in both."""
    both = public.model_fields.keys() & type(case).model_fields.keys()
    return {name: getattr(case, name) for name in public.model_fields if name in both}


def schema() -> str:
    """The JSON Schema of the public document, as results/schema.json holds it."""
    # Serialisation: what is printed always has every field.
    described = Document.model_json_schema(mode="serialization")
    described |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:streamgauge:results:{VERSION}",
        "title": "Streamgauge results",
    }
    return json.dumps(described, indent=2, sort_keys=True) + "\n"
