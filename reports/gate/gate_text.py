"""A gate's result in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from reports import screen, units
from reports.gate import gate_table
from results.gate.gate_result import GateResult
from results.printable import printable, printable_values

_STYLES = {"regression": "bold red", "pass": "green", "accepted": "cyan"}
_VERDICT = len(gate_table.HEADINGS) - 1


def render(result: GateResult, path: str, console: Console) -> None:
    """Print it. path: how its user calls the folder that it is stored in."""
    shown = GateResult.model_validate(printable_values(result.model_dump()))
    console.print()
    console.print(Text(f"{shown.suite}: {gate_table.side(shown.candidate)} against {gate_table.side(shown.baseline)}"))
    console.print(Text(units.machine(shown.machine), "dim"))
    if shown.figures:
        rows = [
            [*map(Text, row[:-1]), Text(row[-1], _STYLES.get(figure.verdict, "yellow"))]
            for figure, row in zip(shown.figures, gate_table.rows(shown), strict=True)
        ]
        console.print()
        for table in screen.tables(gate_table.HEADINGS, rows, console.width, left=(_VERDICT,), names=2):
            console.print(table)
    console.print()
    for line in gate_table.told(shown):
        console.print(Text(printable(line)), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(printable(shown.summary), "bold"), soft_wrap=not console.is_terminal)
    console.print(Text.assemble(("results  ", "dim"), printable(path)), soft_wrap=True)
