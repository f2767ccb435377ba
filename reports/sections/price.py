"""What a guarantee costs, and a shorter commit interval: one engine's cases under each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import units
from reports.comparison import Comparison, Row
from reports.elements import Element, Hint, Table
from reports.sections.section import PagePart, Report, Section
from results.metrics import cores, jvm, latency, latency_parts
from results.metrics.metric import Metric

_HEAD = ("engine", "guarantee", "commits every", "p50", "p99", "until append", "busy cores", "without JIT, GC", "seen")
METRICS = (
    latency.RESULT["p50"],
    latency.RESULT["p99"],
    latency_parts.ENGINE["p50"],
    cores.BUSY,
    jvm.CORES,
)
"""What stands in the table, in its order."""

_HINT = (
    "The same events at the same rate, under each guarantee and at each commit interval. Where results wait for the "
    "commit, latency follows the interval; until a row is appended (p50) is the engine's part of it. Beside that is "
    "the CPU that it took, of which a JVM spends a part on compiling. Of one trial, a difference of some 20 % is no "
    "finding."
)


def _page(report: Report) -> Iterator[Element]:
    tables = list(priced(report.comparisons))
    if tables:
        yield Hint(_HINT)
        yield from tables


def priced(comparisons: Sequence[Comparison]) -> Iterator[Table]:
    """A table for each workload, where a run has several guarantees or intervals, and nothing struck."""
    calm = [comparison for comparison in comparisons if comparison.fault == "none" and comparison.ran]
    if len({(each.guarantee, each.interval_ms, each.own_interval) for each in calm}) < 2:
        return
    for workload in dict.fromkeys((each.workload, each.log) for each in calm):
        mine = [each for each in calm if (each.workload, each.log) == workload]
        found = sorted(((each, row) for each in mine for row in each.ran), key=_place)
        rows = [_cells(*each) for each in found]
        log = "Kafka" if workload[1] == "kafka" else f"the {workload[1]} log"
        yield Table(f"{workload[0]} on {log}", _HEAD, rows, label=f"Price of guarantees: {workload[0]}")


def _place(found: tuple[Comparison, Row]) -> tuple[str, str, int]:
    """Engines apart, a guarantee's intervals from short to long."""
    comparison, row = found
    return row.name, comparison.guarantee, row.asked.interval_ms if row.asked else 0


def _cells(comparison: Comparison, row: Row) -> tuple[str, ...]:
    asked = row.asked
    every = "its own interval" if comparison.own_interval else units.milliseconds(asked.interval_ms if asked else None)
    return row.name, comparison.guarantee, every, *(_shown(row, metric) for metric in METRICS), row.seen_in_words


def _shown(row: Row, metric: Metric) -> str:
    """A value as text, in brackets where it says less than it seems to, or the answer was wrong."""
    text = units.quantity(row.value(metric), metric.unit)
    return f"({text})" if row.doubtful(metric) else text


section = Section("price", page=PagePart("The price of guarantees", 35, _page, short_title="Guarantees"))
