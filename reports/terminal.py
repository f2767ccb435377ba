"""A run's results in a terminal: a table for each comparison, what is wrong under it, and where to go on from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import offence, units
from reports.comparison import UNTESTED, Comparison, Row, compare, late, speeds, words
from reports.recovery import HEAD, recoveries
from results.result import Offence, Outcome, RunResult

_WIDE = 116
"""From this many columns on, everything stands in one table."""

_STYLES: dict[Outcome, str] = {"pass": "green", "fail": "bold red", "unknown": "yellow"}
_SHORT = {"exactly-once": "exactly", "at-least-once": "at least", "at-most-once": "at most"}
_SPEEDS = ("drain", "p50", "p99", "max", "events/\nCPU-s", "peak\nmemory")
_ANSWERS = ("lost/dup/\nwrong", "delivery:\nclaimed → seen")
_MAX_OFFENCES = 5


def render(run: RunResult, path: str, console: Console, program: str = "streamgauge") -> None:
    """Print the run. path: how its user calls the folder that it is stored in. program: how they call Streamgauge."""
    for comparison in compare(run):
        console.print()
        console.print(Text(comparison.title, "bold"))
        if run.machine is not None:
            console.print(Text(units.machine(run.machine), "dim"))
        for table in (*_tables(comparison, console.width), *_recovery(comparison, console.width)):
            console.print()
            console.print(table)
        remarks = list(_remarks(comparison))
        if remarks:
            console.print()
        for text in remarks:
            console.print(text, soft_wrap=not console.is_terminal)
    console.print()
    for name, value in (("results", path), ("report", f"{program} report {path}")):
        console.print(Text.assemble((f"{name:<9}", "dim"), value), soft_wrap=True)


def _tables(comparison: Comparison, width: int) -> Iterator[Table]:
    """One table where there is room for it, else the answers' before the speeds'."""
    if width >= _WIDE:
        table = _table("engine", "outcome", *_SPEEDS, *_ANSWERS)
        for row in comparison.rows:
            table.add_row(Text(row.name), _outcome(row), *_speeds(row), _counts(row), _delivery(row, _SHORT))
        yield table
        return
    table = _table("engine", "outcome", *_ANSWERS)
    for row in comparison.rows:
        table.add_row(Text(row.name), _outcome(row), _counts(row), _delivery(row, {}))
    yield table
    table = _table("engine", *_SPEEDS)
    for row in comparison.ran:
        name = Text(f"✗ {row.name}", "bold red") if row.suspect else Text(row.name)
        table.add_row(name, *_speeds(row))
    if table.row_count:
        yield table


def _recovery(comparison: Comparison, width: int) -> Iterator[Table]:
    """What strikes did, in one table or, where there is no room for it, in two."""
    rows = list(recoveries(comparison, _SHORT))
    # The title over the tables has said which fault it is, and with which time-outs.
    for shown in (range(7),) if width >= _WIDE else (range(5), (0, 5, 6)):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
        for place in shown:
            # Guarantees and counts stay whole; names and intervals may take a second line.
            longest = max((len(word) for row in rows for word in row[place].split()), default=0)
            table.add_column(HEAD[place], no_wrap=1 <= place <= 4, min_width=longest)
        for row in rows:
            table.add_row(*(Text(row[place]) for place in shown))
        if rows:
            yield table


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        right = heading in _SPEEDS or heading == _ANSWERS[0]
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=heading != "engine",
            min_width=13 if heading == "engine" else None,
        )
    return table


def _outcome(row: Row) -> Text:
    if not row.ran:
        return Text("not run", "dim")
    if row.allowed:
        return Text(f"! {row.outcome}", "yellow")
    if row.outcome == "fail":
        return Text("✗ wrong", "bold red")
    return Text(row.outcome, _STYLES[row.outcome])


def _speeds(row: Row) -> Iterator[Text]:
    """Speed and memory; in brackets where the answer was wrong, for then they say nothing."""
    for text in speeds(row):
        bracketed = row.suspect and text != units.NONE
        yield Text(f"({text})" if bracketed else text, "dim" if bracketed or not row.ran else "")


def _counts(row: Row) -> Text:
    counts = row.counts
    if not any(counts.values()):
        return Text(units.NONE, "dim")
    shown = (counts["missing"], counts["duplicate"], counts["wrong"] + counts["unexpected"])
    return Text("/".join(str(count) for count in shown), "" if row.sound else "yellow" if row.allowed else "bold red")


def _delivery(row: Row, words: Mapping[str, str]) -> Text:
    return Text(row.delivery_in_words(words)) if row.ran else Text(units.NONE, "dim")


def _remarks(comparison: Comparison) -> Iterator[Text]:
    for row in comparison.ran:
        if row.offences:
            yield from _wrongs(row)
    notes: dict[str, list[str]] = {}
    for row in comparison.rows:
        # Of a result that is wrong, the offending rows say more than the reason.
        told = [] if row.outcome == "fail" and row.offences else row.reasons
        for reason in told:
            outcome = row.outcome if row.ran else f"not run, {row.outcome}"
            yield Text.assemble((f"{row.name}: {outcome}: ", _STYLES.get(row.outcome, "dim")), reason)
        for line in row.last_lines:
            yield Text(f"    {line}", "dim")
        absent = (f"no {words(names)}: {why}" for why, names in row.absences.items())
        for note in (*row.claim_notes, *row.notes, *absent):
            if not any(note in reason for reason in told):
                notes.setdefault(note, []).append(row.name)
    yield from (Text.assemble((f"{name}: ", "dim"), text) for name, text in late(comparison))
    for note, names in notes.items():
        yield Text.assemble((f"{words(names)}: ", "dim"), note)
    if comparison.ran and comparison.fault == "none":
        yield Text(UNTESTED, "dim")


def _wrongs(row: Row) -> Iterator[Text]:
    kinds: dict[str, int] = {}
    for case in row.cases:
        for kind, count in case.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
    listed = ", ".join(f"{count:,} x {kind}" for kind, count in kinds.items())
    claim = f", as is allowed by {row.weak_claims}" if row.allowed else ""
    mark, style = ("!", "yellow") if row.allowed else ("✗", "bold red")
    yield Text.assemble((f"{mark} {row.name}: {listed}{claim}", style), "; the first of them:")
    for found in row.offences[:_MAX_OFFENCES]:
        yield Text(f"    {_offence(found)}")


def _offence(found: Offence) -> str:
    parts = [offence.what(found), found.phase]
    if found.key is not None:
        parts.append(f"key {found.key}")
    if window := offence.window(found):
        parts.append(f"window {window}")
    if names := offence.names(found):
        parts.append(names)
    if found.ids:
        parts.append(f"id{'s' if found.ids_count > 1 else ''} {offence.ids(found)}")
    return ", ".join(parts) + f": {found.explanation}"
