"""What else the machine did beside each phase: what other work took, and how far behind its load an engine was."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from reports import units
from reports.comparison import Comparison, Row
from reports.elements import Details, Element, Hint, Table
from reports.sections.section import PagePart, Report, Section, TerminalPart
from results.metrics import startup, warm_up
from results.metrics.foreign import FOREIGN, PRESSURE, STEAL, THROTTLED, WAITED
from results.metrics.kept_up import BEGIN, GROWTH, WORTH
from results.metrics.metric import Metric
from results.result import CaseResult

_SHARES = (FOREIGN, STEAL, WAITED, PRESSURE, THROTTLED)
_HEAD = ("engine", "phase", "other work", "stolen", "our threads waited", "CPU pressure", "throttled", "rows behind")
_UNTOLD = "cannot be told"
_OWN_TIMES = {"start": startup.FOREIGN, "first backlog": warm_up.COLD_FOREIGN}
"""What tells the share of other work in times that are no phase."""


def _page(report: Report) -> Iterator[Element]:
    rows = [
        (row.name, case.phase, *(_share(case, metric) for metric in _SHARES), _behind(case))
        for row in report.rows
        for case in row.cases
        if STEAL.name in case.metrics
    ]
    rows += [told for row in report.rows for told in _own_times(row)]
    if rows:
        yield Hint(
            "Of the time of the CPUs that the run might use, what processes took that are not the run's, and what the "
            "hypervisor gave to others; how long threads of the run that could run waited for a CPU, and how long any "
            "of the machine did. Rows behind: due and not visible after a commit, and by how many more at the end. "
            "The start and the first backlog have rows of their own, for the figures that are taken of them."
        )
        yield Details(f"Beside each phase ({len(rows)})", (Table("Beside each phase", _HEAD, rows),))


def _own_times(row: Row) -> Iterator[tuple[str, ...]]:
    """Of each trial, what other work took beside the start and the first backlog; none where that was not looked at."""
    for trial in row.trials:
        for name, metric in _OWN_TIMES.items():
            told = [case for case in trial.cases if metric.name in (case.metrics.keys() | case.absent.keys())]
            if told:
                yield row.name, name, _share(told[0], metric), *(units.NONE,) * (len(_HEAD) - 3)


def _share(case: CaseResult, metric: Metric) -> str:
    found = case.metrics.get(metric.name)
    if found is not None:
        return f"{found.value:.1f} %"
    return _UNTOLD if metric in (FOREIGN, *_OWN_TIMES.values()) else units.NONE


def _behind(case: CaseResult) -> str:
    begin, growth, worth = (case.metrics.get(metric.name) for metric in (BEGIN, GROWTH, WORTH))
    if begin is None or growth is None or worth is None:
        return units.NONE
    return f"{begin.value:,.0f}, {growth.value:+,.0f} (a commit's worth: {worth.value:,.0f})"


def _terminal(comparison: Comparison, _width: int) -> Iterator[Text]:
    """In a line, the least and the most that other work took."""
    cases = [case for row in comparison.ran for case in row.cases if STEAL.name in case.metrics]
    if not cases:
        return
    told = sorted(case.metrics[FOREIGN.name].value for case in cases if FOREIGN.name in case.metrics)
    untold = len(cases) - len(told)
    took = f"other work took {_range(told)} of the CPU time beside what was measured" if told else ""
    cannot = f"of {untold} of {len(cases)} phases it cannot be told" if untold else ""
    if cannot and not took:
        cannot += " how much CPU time other work took"
    said = "; ".join(filter(None, (took, cannot)))
    yield Text(f"{said[0].upper()}{said[1:]}.", "dim")


def _range(shares: list[float]) -> str:
    least, most = (f"{share:.1f}" for share in (shares[0], shares[-1]))
    return f"{least} %" if least == most else f"{least} to {most} %"


section = Section(
    "quiet",
    page=PagePart("What else the machine did", 55, _page, short_title="Machine"),
    terminal=TerminalPart(65, _terminal),
)
