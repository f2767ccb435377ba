"""A run's results in Markdown, for a pull request or a step's summary: the answer first, then the tables.

Everything that comes from results is escaped: it makes no link, no element, no mention, and no cell of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reports import summary, units
from reports.columns import MetricColumn, columns
from reports.comparison import Comparison, Row, compare
from reports.threshold_text import STATES, figure, named, ordered
from results import provenance
from results.printable import printable
from results.result import RunResult

_AS_ENTITY = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {sign: f"&#{ord(sign)};" for sign in "|\\`*_[]@#~$!"}
_LINKS = (("://", "&#58;//"), ("www.", "www&#46;"))


def escaped(text: str) -> str:
    """A text as such, on one line."""
    shown = "".join(_AS_ENTITY.get(sign, sign) for sign in printable(text))
    for sign, entity in _LINKS:
        shown = shown.replace(sign, entity)
    return shown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; its cells are escaped."""
    for line in (head, None, *rows):
        cells = ["---"] * len(head) if line is None else [escaped(cell) for cell in line]
        yield f"| {' | '.join(cells)} |"


def page(run: RunResult, path: str) -> str:
    """The run. path: how its user calls what it is stored in."""
    comparisons = compare(run)
    lines = [f"## {escaped(summary.title(comparisons))}", "", *_origin(run, path)]
    for comparison in comparisons:
        sentences = summary.headline(comparison)[0 if len(comparisons) > 1 else 1 :]
        lines += ["", f"### {escaped(comparison.title)}", "", *_results(comparison)]
        if comparison.thresholds:
            lines += ["", *_thresholds(comparison)]
        if sentences:
            lines += ["", *(escaped(sentence) for sentence in sentences)]
        notes = dict.fromkeys(f"{row.name}: {note}" for row in comparison.rows for note in (*row.reasons, *row.notes))
        if notes:
            lines += ["", *(f"- {escaped(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


def _origin(run: RunResult, path: str) -> Iterator[str]:
    """On what, when and by which code."""
    told = provenance.of(run)
    if run.machine is not None:
        yield f"{escaped(units.machine(run.machine))}.  "
    began = f"began {told.started}" if told.started else ""
    parts = (path, began, provenance.commit(told.checkout), f"method version {run.method_version}")
    yield escaped(f"Suite {run.suite}, {', '.join(filter(None, parts))}.")


def _results(comparison: Comparison) -> Iterator[str]:
    shown = columns()
    head = ["engine", "outcome", "lost/dup/wrong", *(" ".join(column.heading.split()) for column in shown), "delivery"]
    yield from table(head, [_row(row, shown) for row in comparison.rows])


def _row(row: Row, shown: Sequence[MetricColumn]) -> list[str]:
    counts = row.counts
    lost = f"{counts['missing']}/{counts['duplicate']}/{counts['wrong'] + counts['unexpected']}"
    speeds = [_speed(row, column) for column in shown]
    delivery = row.delivery_in_words({}) if row.ran else units.NONE
    return [row.name, row.outcome, lost if any(counts.values()) else units.NONE, *speeds, delivery]


def _speed(row: Row, column: MetricColumn) -> str:
    text = column.show(row.value(column.metric))
    if (between := row.interval(column.metric)) is not None:
        text += f" [{column.show(between[0])} to {column.show(between[1])}]"
    return f"({text})" if row.doubtful(column.metric) else text


def _thresholds(comparison: Comparison) -> Iterator[str]:
    rows = [
        (
            check.text,
            named(check),
            STATES[check.state],
            figure(check),
            check.why,
        )
        for check in ordered(comparison.thresholds)
    ]
    yield from table(("threshold", "engine", "state", "figure", "why"), rows)
