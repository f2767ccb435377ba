"""Bencher Metric Format, for `bencher run --adapter json --file FILE`."""

from __future__ import annotations

import json
import re

from reports.exports.export import Export, Exported
from reports.exports.readings import ExportReading
from results.printable import printable

_MOST_OF_A_NAME, _MOST_OF_A_MEASURE = 1024, 64
"""Characters: Bencher takes no longer names of benchmarks and of measures."""


def text(exported: Exported) -> str:
    """A benchmark a row and kind of phase, a measure a metric. The measure's name ends in its unit: BMF has none."""
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for reading in exported.readings:
        benchmark = benchmarks.setdefault(printable(reading.case + reading.mark)[:_MOST_OF_A_NAME], {})
        benchmark[_measure(reading)] = _metric(reading)
    return json.dumps(benchmarks, indent=1, ensure_ascii=False) + "\n"


def _measure(reading: ExportReading) -> str:
    words = [part for part in (reading.metric, reading.unit) if part]
    slug = "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words)
    return slug[:_MOST_OF_A_MEASURE].strip("-") or "figure"


def _metric(reading: ExportReading) -> dict[str, float]:
    """The value, between the ends of its interval where there is one."""
    metric = {"value": reading.value}
    if reading.low is not None and reading.high is not None:
        metric |= {"lower_value": reading.low, "upper_value": reading.high}
    return metric


export = Export("bencher", "Bencher Metric Format, for the adapter json", text)
