"""One table of all figures as CSV, for spreadsheets: marks and reasons stand beside the figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from reports.comparison import compare
from reports.exports.export import Export, Exported
from reports.exports.readings import of_trials, unsayable
from results.printable import printable

_FORMULA = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001  # spreadsheets take wide signs for formulas too
"""What a spreadsheet takes for the beginning of a formula."""

_HEAD = (
    *("question", "row", "phase", "trial", "outcome", "reason"),
    *("metric", "source", "value", "unit", "better", "low", "high", "n", "in_brackets", "absent"),
)


def text(exported: Exported) -> str:
    """A line a figure: medians over trials, then what is of one trial of several. Behind them a line for each metric
    that is absent, and one for each case without any figure.
    """
    reasons = _reasons(exported)
    trials = [each for each in of_trials(exported.run) if exported.choice.wants_of_all(each.source, each.better)]
    lines: list[tuple[object, ...]] = [
        (
            *(each.question, each.row, each.phase, each.trial, each.outcome),
            reasons.get((each.question, each.row, each.phase, each.outcome), ""),
            *(each.metric, each.source, each.value, each.unit, each.better, each.low, each.high, each.n),
            *("; ".join(each.doubts), ""),
        )
        for each in (*exported.readings, *trials)
    ]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows([_cell(value) for value in line] for line in (*lines, *_without_figures(exported)))
    return stream.getvalue()


_Case = tuple[str, str, str, str]


def _reasons(exported: Exported) -> dict[_Case, str]:
    """Why what did not pass did not, by question, row, phase and outcome."""
    found: dict[_Case, str] = {}
    for comparison in compare(exported.run):
        for row in comparison.rows:
            for case in row.cases:
                if case.outcome != "pass":
                    found.setdefault((comparison.title, row.name, case.phase, case.outcome), case.reason)
    return found


def _without_figures(exported: Exported) -> Iterator[tuple[object, ...]]:
    for comparison in compare(exported.run):
        for row in comparison.rows:
            for case in row.cases:
                told = (comparison.title, row.name, case.phase, case.trial_number, case.outcome)
                why = "" if case.outcome == "pass" else case.reason
                absent = {name: reason for name, reason in case.absent.items() if exported.choice.wants_of_all(name)}
                absent |= {name: found for name, value in case.metrics.items() if (found := unsayable(name, value))}
                if not case.metrics and not absent:
                    absent = {"": ""}
                for name, reason in sorted(absent.items()):
                    if name not in case.metrics or unsayable(name, case.metrics[name]):
                        yield (*told, why, name, name, *[""] * 7, reason)


def _cell(value: object) -> object:
    """A cell as it is written. A text that a spreadsheet would run as a formula begins with an apostrophe: names come
    from elsewhere. A number is none.
    """
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.lstrip(" ").startswith(_FORMULA) else shown


export = Export("csv", "a table for spreadsheets, with every figure and its marks", text, marks=True, whole=True)
