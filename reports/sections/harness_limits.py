"""What the harness itself takes, and what its machine can see: nothing that is shown is faster or finer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.text import Text

from reports import units
from reports.columns import MetricColumn, columns
from reports.comparison import Comparison
from reports.elements import Element, Heading, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.result import Calibration, Noise


def _page(report: Report) -> Iterator[Element]:
    if report.run.calibrations:
        yield from _calibrations(report)
    if report.run.noise:
        yield Hint(
            "A case tried against itself: in 95 % of such comparisons, of five trials with five others, the medians "
            "are less than this apart. A smaller difference is inconclusive."
        )
        shown = columns()
        names: tuple[str | Heading, ...] = (
            "engine and log",
            "trials",
            *(Heading(column.metric.name, "number") for column in shown),
        )
        yield Table("The noise of this machine", names, [_noise(each, shown) for each in report.run.noise])


def _noise(each: Noise, shown: Sequence[MetricColumn]) -> tuple[str, ...]:
    changes = [each.changes.get(column.metric.name) for column in shown]
    cells = (units.NONE if change is None else f"{change:.1%}" for change in changes)
    return (f"{each.engine} ({each.mode}), {each.workload} on {each.log}", str(each.trials), *cells)


def _calibrations(report: Report) -> Iterator[Element]:
    yield Hint(
        "Measured with an echo, which writes as many rows as are due and computes nothing. A drain rate above half of "
        "the ceiling, and a latency within twice the floor, say more of the harness than of the engine: they stand in "
        "brackets."
    )
    head: tuple[str | Heading, ...] = (
        "workload",
        *(Heading(text, "number") for text in ("floor p50", "floor p99", "ceiling")),
        "measured (UTC)",
    )
    rows = [
        (each.workload, *_figures(each), each.lacking or each.disturbed or _when(each))
        for each in report.run.calibrations
    ]
    yield Table("What the harness itself takes", head, rows)


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    own = comparison.calibration
    if own is None:
        return
    if own.lacking:
        yield Text.assemble(("the harness itself: ", "dim"), own.lacking)
        return
    p50, p99, ceiling = _figures(own)
    told = []
    if own.floor_p50_ms is not None:
        told.append(f"a latency of {p50} (p50) and {p99} (p99)")
    if own.ceiling is not None:
        told.append(f"at most {ceiling}")
    but = f"; {own.disturbed}, so nothing is marked by it" if own.disturbed else ""
    yield Text.assemble(("the harness itself: ", "dim"), (", ".join(told) or "nothing could be measured") + but)


def _figures(own: Calibration) -> tuple[str, str, str]:
    return (
        units.milliseconds(own.floor_p50_ms),
        units.milliseconds(own.floor_p99_ms),
        units.quantity(own.ceiling, "events/s"),
    )


def _when(own: Calibration) -> str:
    if own.asked is None:
        return units.NONE
    return datetime.fromtimestamp(own.asked.clock.wall_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


section = Section(
    "harness-limits",
    page=PagePart("What the harness itself takes", 55, _page, short_title="Calibration"),
    terminal=TerminalPart(55, _terminal),
)
