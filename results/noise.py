"""The noise of a machine: how far a case differs from itself, so that less is no difference (METHOD.md, "Noise")."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from results.folder import LeadsOutside, within
from results.metrics.statistics import INTERVAL_SAMPLES, RESAMPLES, percentile
from results.plan import NOISE
from results.result import CaseResult, Noise, RunResult
from workloads.regular_file import read_regular

CHANCE = "95"
"""So many percent of the comparisons of a case with itself show a smaller change than what is called visible."""

_SEED = 20_261_130


def smallest_change(values: Sequence[float]) -> float | None:
    """The change that a comparison of five trials with five others of the same case stays below in 95 % of draws, as a
    share of the median; None of fewer than five values, and where the median is zero.

    Both fives are drawn from the values with replacement, seeded: the same values give the same change.
    """
    found = np.asarray(values, dtype=np.float64)
    middle = float(np.median(found)) if len(found) else 0.0
    if len(found) < INTERVAL_SAMPLES or middle == 0:
        return None
    places = np.random.default_rng(_SEED).integers(0, len(found), (RESAMPLES, 2, INTERVAL_SAMPLES))
    medians = np.median(found[places], axis=2)
    apart = np.sort(np.abs(medians[:, 0] - medians[:, 1])) / abs(middle)
    return round(percentile(apart, CHANCE), 6)


def measured(run: RunResult) -> Noise | str:
    """The noise that a run of one case with several trials shows, or why it shows none."""
    told = [case for case in run.cases if case.asked is not None]
    if run.machine is None or not told:
        return "nothing ran"
    if wrong := [case for case in run.cases if case.outcome != "pass"]:
        return f"{wrong[0].trial or wrong[0].engine} did not pass: {wrong[0].reason}"
    values, bracketed = _values(told), _bracketed(told)
    changes = {
        name: change
        for name in sorted(values.keys() - bracketed)
        if (change := smallest_change(values[name])) is not None
    }
    if not changes:
        return f"no metric has a value in {INTERVAL_SAMPLES} trials or more"
    first = told[0]
    return Noise(
        engine=first.engine,
        mode=first.mode,
        workload=first.workload,
        log=first.log,
        trials=max(len(case.trials) for case in run.repeated) if run.repeated else 1,
        run=run.run,
        machine=run.machine,
        changes=changes,
        bracketed=sorted(bracketed & values.keys()),
    )


def _values(cases: Sequence[CaseResult]) -> dict[str, list[float]]:
    """By metric that is better one way, its values over trials; where two phases have it, the larger of each trial."""
    found: dict[str, dict[str, float]] = {}
    for case in cases:
        for name, metric in case.metrics.items():
            if metric.better != "none":
                trials = found.setdefault(name, {})
                trials[case.trial] = max(trials.get(case.trial, metric.value), metric.value)
    return {name: list(trials.values()) for name, trials in found.items()}


def _bracketed(cases: Sequence[CaseResult]) -> set[str]:
    """Metrics that say less than they seem to in some trial, beside other work for instance."""
    return {name for case in cases for name, metric in case.metrics.items() if metric.bracketed}


def known(folder: Path) -> list[Noise]:
    """What a run in `folder` carries of its machine's noise; what cannot be read is as if it were not there."""
    try:
        names = sorted(path.name for path in within(folder, NOISE).glob("*.json"))
    except LeadsOutside:
        return []
    found = []
    for name in names:
        try:
            found.append(Noise.model_validate_json(read_regular(folder / NOISE / name, folder)))
        except (OSError, ValueError, ValidationError):
            continue
    return found
