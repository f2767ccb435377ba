"""The matrix of what every engine answers: each mode with each workload, natively, emulated or not at all."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from engines.protocol import Engine, Guarantee
from harness.planning.catalogue import Catalogue, Entry, answered_by
from workloads.discovery import Unavailable
from workloads.workload import Workload

GUARANTEE: Guarantee = "exactly-once"
SYMBOLS: Mapping[str, str] = {"native": "●", "emulated": "◐", "unsupported": "✗", "unavailable": "?"}

_GAP = 2
_LEGEND = (
    f"With the guarantee {GUARANTEE} and the workloads' default parameters: ● native: the engine's own operator; "
    "◐ emulated: how; ✗ unsupported: why; ? could not be loaded."
)


@dataclass(frozen=True)
class SupportCell:
    """kind: a Support's, or `unavailable` for what cannot be loaded; detail: how or why, in a phrase."""

    kind: str
    detail: str


@dataclass(frozen=True)
class EngineColumn:
    """One mode of one engine, with a cell for every workload."""

    engine: str
    mode: str
    cells: Mapping[str, SupportCell]

    @property
    def title(self) -> str:
        return f"{self.engine} ({self.mode})" if self.mode else self.engine

    def entry(self) -> Entry:
        cells = {name: {"kind": cell.kind, "detail": cell.detail} for name, cell in self.cells.items()}
        return {"engine": self.engine, "mode": self.mode, "guarantee": GUARANTEE, "workloads": cells}


def columns(catalogue: Catalogue) -> list[EngineColumn]:
    """Every engine in each of its modes; an engine that cannot be loaded has one column that says so."""
    found = []
    for name, engine in catalogue.engines.items():
        if isinstance(engine, Unavailable):
            cell = SupportCell("unavailable", f"{name} cannot be loaded: {engine.why}")
            found.append(EngineColumn(name, "", dict.fromkeys(catalogue.workloads, cell)))
            continue
        for mode in engine.modes:
            cells = {known: _cell(engine, mode, workload) for known, workload in catalogue.workloads.items()}
            found.append(EngineColumn(name, mode, cells))
    return found


def _cell(engine: Engine, mode: str, workload: Workload | Unavailable) -> SupportCell:
    if isinstance(workload, Unavailable):
        return SupportCell("unavailable", f"{workload.name} cannot be loaded: {workload.why}")
    support = answered_by(engine, workload.query(workload.defaults), GUARANTEE, mode)
    return SupportCell(support.kind, support.detail)


def text(found: Sequence[EngineColumn], width: int) -> str:
    """Tables no wider than `width` (more than one where a single one would be), and a note for each detail."""
    if not found:
        return "no engines yet"
    notes: dict[SupportCell, int] = {}
    for column in found:
        for cell in column.cells.values():
            if cell.detail:
                notes.setdefault(cell, len(notes) + 1)
    lines = [*textwrap.wrap(_LEGEND, width), ""]
    for some in _tables(found, notes, width):
        lines += [*some, ""]
    for kind, members in groupby(sorted(notes, key=lambda cell: (list(SYMBOLS).index(cell.kind), notes[cell])), _kind):
        lines.append(f"{SYMBOLS[kind]} {kind}")
        for cell in members:
            lines += textwrap.wrap(cell.detail, width, initial_indent=f"{notes[cell]:>4}  ", subsequent_indent=" " * 6)
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _kind(cell: SupportCell) -> str:
    return cell.kind


def _tables(found: Sequence[EngineColumn], notes: Mapping[SupportCell, int], width: int) -> Iterator[list[str]]:
    """Tables of as many columns as fit, engines and modes as headings, workloads as rows."""
    names = list(found[0].cells)
    first = max(len(name) for name in names) + _GAP
    waiting = list(found)
    while waiting:
        some: list[list[str]] = []
        used = first
        while waiting:
            column = _written(waiting[0], notes)
            wide = max(map(len, column)) + _GAP
            if some and used + wide > width:
                break
            some.append([line.ljust(wide) for line in column])
            used += wide
            waiting.pop(0)
        height = max(len(column) for column in some) - len(names)
        # Headings stand on the line above the cells, however many words they have.
        raised = [[" " * len(column[0])] * (height - (len(column) - len(names))) + column for column in some]
        labels = [" " * first] * height + [name.ljust(first) for name in names]
        lines = ["".join(line) for line in zip(labels, *raised, strict=True)]
        yield [*lines[:height], "─" * min(used - _GAP, width), *lines[height:]]


def _written(column: EngineColumn, notes: Mapping[SupportCell, int]) -> list[str]:
    """The heading, a part of a name a line, then a line for each workload."""
    heading = [*_parts(column.engine), *(_parts(f"({column.mode})") if column.mode else ())]
    cells = [f"{SYMBOLS[cell.kind]} {notes.get(cell, '')}" for cell in column.cells.values()]
    return [*heading, *(cell.rstrip() for cell in cells)]


def _parts(name: str) -> list[str]:
    """kafka-streams as kafka-, streams."""
    *before, last = name.split("-")
    return [*(f"{part}-" for part in before), last]
