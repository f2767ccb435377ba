"""What changed between results, for a terminal and in Markdown: what became wrong first, then the figures, then why
some of them cannot be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from reports import markdown, screen, units
from reports.changes import Change, ChangedCase, Changes, Pair, Side, SideFigure
from reports.columns import columns
from reports.comparison import words
from reports.elements import Cell, Element, Heading, Table
from results import provenance
from results.metrics import recovery
from results.printable import printable, printable_lines

_SAID = {"better": "better", "worse": "WORSE", "inconclusive": "no difference"}
_STYLES = {"better": "green", "worse": "bold red", "inconclusive": "", "unknown": "dim"}
_HEAD = ("engine", "figure", "before", "after", "after / before", "")
_NUMBERS = _HEAD[2:5]
_LAST = len(_HEAD) - 1
_CHANCE = (
    "A figure is called better or worse where the intervals of both medians are apart.",
    "Of figures that are the same, up to three in a hundred look different by chance.",
    "Whatever the machine did otherwise between the runs is in the difference.",
)


@dataclass(frozen=True)
class _Lines:
    """A heading, and lines under it."""

    heading: str
    lines: Sequence[str]
    style: str = ""


@dataclass(frozen=True)
class _Table:
    """Figures under a heading; a line break parts a figure from its interval. styles: of the last cell of each row."""

    heading: str
    rows: Sequence[Sequence[str]]
    styles: Sequence[str]


_Part = _Lines | _Table


def render(changes: Changes, console: Console) -> None:
    """Print it. What cannot be seen is shown by its number."""
    for part in _parts(changes, console.width >= screen.WIDE):
        console.print()
        console.print(Text(printable(part.heading), "bold"))
        if isinstance(part, _Lines):
            for line in part.lines:
                console.print(Text(printable(line), part.style), soft_wrap=not console.is_terminal)
            continue
        rows = [
            [*(Text(printable_lines(cell)) for cell in cells[:-1]), Text(printable_lines(cells[-1]), style)]
            for cells, style in zip(part.rows, part.styles, strict=True)
        ]
        for table in screen.tables(_HEAD, rows, console.width, left=(_LAST,), breakable=(_LAST,), names=2):
            console.print(table)


def page(changes: Changes) -> str:
    """The same in Markdown."""
    lines: list[str] = []
    for part in _parts(changes):
        lines += ["", f"### {markdown.escaped(part.heading)}", ""]
        if isinstance(part, _Lines):
            lines += [f"- {markdown.escaped(line)}" for line in part.lines]
        else:
            lines += markdown.table(_HEAD, [[" ".join(cell.split("\n")) for cell in row] for row in part.rows])
    return "\n".join(lines[1:]) + "\n"


def elements(changes: Changes) -> Iterator[Element]:
    """The same for a page, in tables."""
    for part in _parts(changes):
        if isinstance(part, _Lines):
            yield Table(part.heading, ("what",), [(line,) for line in part.lines])
        else:
            head = [Heading(name or "said", "number" if name in _NUMBERS else "text") for name in _HEAD]
            rows = [[Cell(cell.partition("\n")[0], below=cell.partition("\n")[2]) for cell in row] for row in part.rows]
            yield Table(part.heading, head, rows)


def _parts(changes: Changes, wide: bool = True) -> Iterator[_Part]:
    """wide: whether there is room for the interval of each figure, beside that of the ratio."""
    yield _Lines("Results", [f"{_letter(place)}  {_side(side)}" for place, side in enumerate(changes.sides)])
    for place, side in enumerate(changes.sides):
        if side.crossed:
            yield _Lines(f"Thresholds that {_letter(place)} crosses", side.crossed, "bold red")
    for pair in changes.pairs:
        yield from _pair(pair, len(changes.pairs) > 1, wide)
    yield _Lines("How to read it", _CHANCE)


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _side(side: Side) -> str:
    told = side.provenance
    streamgauge = told.versions.get(provenance.OWN)
    parts = (
        f"suite {side.suite}",
        told.started or "",
        f"streamgauge {streamgauge}" if streamgauge else "",
        provenance.commit(told.checkout),
        f"method version {side.method_version}",
        units.machine(side.machine) if side.machine else "",
    )
    return f"{side.path}: {', '.join(filter(None, parts))}"


def _pair(pair: Pair, several: bool, wide: bool) -> Iterator[_Part]:
    of = f" ({_letter(pair.before)} to {_letter(pair.after)})" if several else ""
    worse = [f"✗ {case.name}, {case.title}: {line}" for case in pair.cases for line in case.worse]
    if worse:
        yield _Lines(f"What became wrong{of}", worse, "bold red")
    mended = [f"✓ {case.name}, {case.title}: {line}" for case in pair.cases for line in case.mended]
    if mended:
        yield _Lines(f"What became right{of}", mended, "green")
    yield _Lines(f"What can be said{of}", list(_sums(pair, bool(worse or mended))))
    for title in dict.fromkeys(case.title for case in pair.cases):
        shown = [(case, change) for case in pair.cases if case.title == title for change in _shown(case)]
        if shown:
            rows = [_row(case, change, wide) for case, change in shown]
            yield _Table(f"{title}{of}", rows, [_STYLES[change.verdict] for _, change in shown])
    if lines := _doubts(pair):
        yield _Lines(f"In brackets, or not whole{of}", lines)
    if lines := _grouped((reason, case) for case in pair.cases for reason in case.incomparable):
        yield _Lines(f"Not comparable, since it is not alike{of}", lines, "yellow")
    if lines := _grouped((told, case) for case in pair.cases for told in case.differs):
        yield _Lines(f"What else is not alike{of}", lines)
    for when, names in (("before", pair.only_before), ("after", pair.only_after)):
        if names:
            yield _Lines(f"Only {when}{of}", names)


def _sums(pair: Pair, rightness: bool) -> Iterator[str]:
    """The answer in a few lines."""
    if not pair.cases:
        yield "No case of one is a case of the other: nothing can be compared."
        return
    if not rightness:
        yield "No case became wrong, and none became right."
    shown = [change for case in pair.cases for change in _shown(case)]
    counts = Counter(_said(change) for change in shown)
    told = "; ".join(f"{said}: {count}" for said, count in counts.most_common())
    yield f"Of {len(shown)} figures: {told or 'none'}."


def _said(change: Change) -> str:
    """What can be said in a word or a few; more stands below the table."""
    return _SAID.get(change.verdict, change.why.partition(":")[0])


def _doubts(pair: Pair) -> list[str]:
    """Why nothing can be said of some figures, each reason once with the figures."""
    found: dict[str, dict[str, list[str]]] = {}
    for case in pair.cases:
        for change in _shown(case):
            if ":" in change.why:
                found.setdefault(change.why, {}).setdefault(case.name, []).append(_label(change.metric))
    return [
        f"{why} ({'; '.join(f'{name}: {words(metrics)}' for name, metrics in names.items())})"
        for why, names in found.items()
    ]


def _label(metric: str) -> str:
    """As it is called in the tables of results."""
    heading = next((column.short_heading for column in columns() if column.metric.name == metric), metric)
    return " ".join(heading.split()).replace("/ ", "/")


_ALWAYS = {metric.name for metric in (recovery.FIRST_OUTPUT, recovery.CAUGHT_UP)}


def _shown(case: ChangedCase) -> list[Change]:
    """The metrics that stand in tables of results, and any other that changed."""
    first = _ALWAYS | {column.metric.name for column in columns()}
    return [change for change in case.changes if change.metric in first or change.verdict in ("better", "worse")]


def _row(case: ChangedCase, change: Change, wide: bool) -> tuple[str, ...]:
    return (
        case.name,
        _label(change.metric),
        _figure(change.before, change.unit, wide),
        _figure(change.after, change.unit, wide),
        _ratio(change),
        _said(change),
    )


def _figure(figure: SideFigure | None, unit: str, wide: bool) -> str:
    """A figure, with its interval where there is room; in brackets where it says less than it seems to."""
    if figure is None:
        return units.NONE
    text = units.quantity(figure.value, unit)
    if wide and figure.low is not None and figure.high is not None:
        text += f"\n[{units.quantity(figure.low, unit)} to {units.quantity(figure.high, unit)}]"
    return f"({text})" if figure.bracketed else text


def _ratio(change: Change) -> str:
    if change.ratio is None:
        return units.NONE
    text = units.significant(change.ratio)
    if change.ratio_low is not None and change.ratio_high is not None:
        text += f"\n[{units.significant(change.ratio_low)} to {units.significant(change.ratio_high)}]"
    return f"({text})" if change.verdict == "unknown" else text


def _grouped(told: Iterable[tuple[str, ChangedCase]]) -> list[str]:
    """What is told of cases, each once, with those that it is told of where these are not all."""
    names: dict[str, dict[str, None]] = {}
    everyone: dict[str, None] = {}
    for text, case in told:
        names.setdefault(text, {})[case.name] = None
        everyone[case.name] = None
    return [text if len(mine) == len(everyone) else f"{text} ({words(mine)})" for text, mine in names.items()]
