"""As the tool `customSmallerIsBetter` of github-action-benchmark reads it: a list of figures."""

from __future__ import annotations

import json

from reports.exports.export import Export, Exported
from reports.exports.readings import ExportReading
from results.printable import printable_values


def text(exported: Exported) -> str:
    """One entry a figure; `range` is its interval, where there is one."""
    entries = [_entry(reading) for reading in exported.readings]
    return json.dumps(printable_values(entries), indent=1, ensure_ascii=False) + "\n"


def _entry(reading: ExportReading) -> dict[str, str | float]:
    entry: dict[str, str | float] = {
        "name": f"{reading.case}: {reading.metric}{reading.mark}",
        "unit": reading.unit,
        "value": reading.value,
    }
    if reading.low is not None and reading.high is not None:
        entry["range"] = f"{reading.low:.4g} to {reading.high:.4g}"
    if reading.doubts:
        entry["extra"] = f"in brackets: {'; '.join(reading.doubts)}"
    return entry


export = Export("github-action-benchmark", "a file for its tool customSmallerIsBetter", text)
