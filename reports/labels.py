"""Short names for the tables of a run: what tells each from the others, such as the fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import units
from reports.comparison import Comparison, Row


def labels(comparisons: Sequence[Comparison]) -> list[str]:
    """One for each comparison; what all of them share is left out. Empty for the only one."""
    parts = [_parts(comparison) for comparison in comparisons]
    differing = [place for place, of_one in enumerate(zip(*parts, strict=True)) if len(set(of_one)) > 1]
    return [", ".join(of_one[place] for place in differing if of_one[place]) for of_one in parts]


def labelled(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, Comparison, Row]]:
    """Each row of all comparisons with its name, and with the label of its table where there are several."""
    for label, comparison in zip(labels(comparisons), comparisons, strict=True):
        for row in comparison.rows:
            yield (f"{row.name}, {label}" if label else row.name), comparison, row


def _parts(comparison: Comparison) -> tuple[str, ...]:
    return (
        comparison.workload,
        "Kafka" if comparison.log == "kafka" else f"{comparison.log} log",
        "no fault" if comparison.fault == "none" else comparison.fault,
        f"aimed by {comparison.aim}" if comparison.aim else "",
        f"{comparison.timeouts} time-outs" if comparison.timeouts else "",
        "each at its own commit interval" if comparison.own_interval else "",
        f"a commit every {units.milliseconds(comparison.interval_ms)}" if comparison.interval_ms is not None else "",
        comparison.guarantee,
    )
