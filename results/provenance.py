"""Where a result comes from: told by what its trials recorded, so that any later judge says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from results.plan import Checkout, TrialPlan
from results.result import CaseResult, Provenance, RunResult

OWN = "streamgauge"
"""The name of our own package among versions."""


def provenance(cases: Sequence[CaseResult], command: str = "") -> Provenance:
    """command: what was typed; empty where that is not known."""
    plans = sorted((case.asked for case in cases if case.asked is not None), key=lambda plan: plan.clock.wall_ns)
    if not plans:
        return Provenance(command=command)
    first = plans[0]
    versions: dict[str, str] = {}
    for plan in plans:
        versions = plan.versions | versions  # The earlier trial's stays.
    return Provenance(
        started=started(first),
        command=command,
        versions=dict(sorted(versions.items())),
        checkout=first.checkout,
    )


def of(run: RunResult) -> Provenance:
    """Of a result: also of one that was kept before results had it."""
    told = run.provenance
    return told if told.started is not None else provenance(run.cases, told.command)


def started(plan: TrialPlan) -> str:
    """When a trial began, UTC, to the second."""
    return datetime.fromtimestamp(plan.clock.wall_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def code(plan: TrialPlan) -> str:
    """Which code of ours recorded a trial, in words."""
    return ", ".join(filter(None, (plan.versions.get(OWN, "unknown"), commit(plan.checkout))))


def commit(checkout: Checkout | None) -> str:
    """The commit of a checkout in words, and whether it has changes; empty where there is none."""
    if checkout is None:
        return ""
    return f"commit {checkout.commit[:12]}{' with changes' if checkout.dirty else ''}"


def with_codes(cases: Sequence[CaseResult]) -> list[CaseResult]:
    """The cases, each with a note if they were not all recorded by the same code of ours: a run may go on later."""
    codes = sorted(set(_codes(cases)))
    if len(codes) < 2:
        return list(cases)
    note = f"the cases of this run were recorded by different code: {'; '.join(codes)}"
    return [case.model_copy(update={"notes": [*case.notes, note]}) for case in cases]


def _codes(cases: Iterable[CaseResult]) -> Iterable[str]:
    return (code(case.asked) for case in cases if case.asked is not None)
