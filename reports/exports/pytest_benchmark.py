"""As pytest-benchmark stores its runs: `pytest-benchmark compare FILE...` reads it. It knows times in seconds only."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

from reports.exports.export import Export, Exported
from reports.exports.readings import SECONDS, ExportReading
from results.printable import printable_values
from results.result import RunResult


def text(exported: Exported) -> str:
    """One benchmark a figure, in a group with that of the other rows; each trial is a round."""
    machine = exported.run.machine
    document = {
        # No name of the host: results are handed on.
        "machine_info": {"node": "", "system": "Linux", **(machine.model_dump() if machine else {})},
        "commit_info": _commit(exported.run),
        "benchmarks": [_benchmark(reading) for reading in exported.readings],
        "datetime": exported.run.provenance.started or "",
        "version": "5.3.1",
    }
    return json.dumps(printable_values(document), indent=1, ensure_ascii=False) + "\n"


def _benchmark(reading: ExportReading) -> dict[str, Any]:
    return {
        "group": f"{reading.question}: {reading.metric}, {reading.unit}",
        "name": f"{reading.row}, {reading.phase}{reading.mark}",
        "fullname": f"{reading.case}: {reading.metric}{reading.mark}",
        "params": None,
        "param": None,
        "extra_info": {"metric": reading.source, "unit": reading.unit, "in brackets": list(reading.doubts)},
        "options": {},
        "stats": _stats(reading.samples or (reading.value,)),
    }


def _stats(rounds: Sequence[float]) -> dict[str, Any]:
    """As pytest-benchmark computes them. A round is a trial, whose figure is one already: one iteration each."""
    mean, ordered = statistics.fmean(rounds), sorted(rounds)
    deviation = statistics.stdev(rounds) if len(rounds) > 1 else 0.0
    q1, median, q3 = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    iqr = q3 - q1
    apart = sum(abs(each - mean) > deviation for each in rounds)
    far = sum(each < q1 - 1.5 * iqr or each > q3 + 1.5 * iqr for each in rounds)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": len(rounds),
        "median": median,
        "iqr": iqr,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": far,
        "stddev_outliers": apart,
        "outliers": f"{apart};{far}",
        "ld15iqr": min((each for each in ordered if each >= q1 - 1.5 * iqr), default=ordered[0]),
        "hd15iqr": max((each for each in ordered if each <= q3 + 1.5 * iqr), default=ordered[-1]),
        "ops": 1 / mean if mean else 0.0,
        "total": sum(rounds),
        "data": list(rounds),
        "iterations": 1,
    }


def _commit(run: RunResult) -> dict[str, str | bool]:
    """As pytest-benchmark names it; empty where that is not told."""
    checkout = run.provenance.checkout
    return {"id": checkout.commit, "dirty": checkout.dirty} if checkout else {}


export = Export("pytest-benchmark", "a file that `pytest-benchmark compare` reads", text, units=SECONDS)
