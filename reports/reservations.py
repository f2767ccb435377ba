"""Which results of a run say less than they seem to, in a line each."""

from __future__ import annotations

from reports.comparison import compare, words
from results.result import RunResult


def reservations(run: RunResult) -> list[str]:
    """Every row that has a figure in brackets, with the reasons, each once."""
    found = []
    for comparison in compare(run):
        for row in comparison.rows:
            reasons = [why for case in row.cases for value in case.metrics.values() for why in value.bracketed]
            if reasons:
                found.append(f"{row.name}: {words(dict.fromkeys(reasons))}")
    return found
