"""However narrow a terminal is, a table keeps its engine's name and no figure in it is cut."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from reports import screen, terminal
from results import result_file
from results.result import RunResult
from tests import made_up

RESULTS = Path(__file__).parent.parent / "docs" / "results"
ENGINES = ("kafka-streams (retention-1h)", "micro-batch")
HEAD = ("engine", "drain", "p50", "peak\nmemory", "why")
ROWS = [[Text(cell) for cell in (name, "(1.09 M/s)", "1.02 s", "(1.37 GiB)", "two or three words")] for name in ENGINES]


def shown(width: int, rows: list[list[Text]] = ROWS) -> list[str]:
    """The lines of all tables, one after the other."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    for table in screen.tables(HEAD, rows, width, left=(4,), breakable=(4,)):
        console.print(table)
    return stream.getvalue().splitlines()


def printed(run: RunResult, width: int) -> str:
    stream = io.StringIO()
    terminal.render(run, "runs/x", Console(file=stream, width=width, highlight=False))
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 41, 50, 60, 80, 120])
def test_every_table_begins_with_the_name_and_every_figure_stands_whole(width: int) -> None:
    lines = shown(width)
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    tables = text.count("engine")
    assert text.count("micro-batch") == tables
    assert text.count("kafka-streams") == tables
    for figure in ("(1.09 M/s)", "1.02 s", "(1.37 GiB)"):
        assert text.count(figure) == len(ROWS)


def test_what_fits_stands_side_by_side() -> None:
    assert "\n".join(shown(120)).count("engine") == 1
    assert "\n".join(shown(40)).count("engine") > 1


def test_a_name_of_one_long_word_breaks_rather_than_pushing_a_figure_out() -> None:
    rows = [[Text("x" * 60), *ROWS[0][1:]]]
    lines = shown(40, rows)
    assert sum(line.count("x") for line in lines) % 60 == 0
    assert all(cell_len(line) <= 40 for line in lines)
    assert "(1.09 M/s)" in "\n".join(lines)


KEPT = ("faults", "settings", "sweep", "five-trials")
"""Results in docs/results that have tables of different kinds: strikes, set-ups, probes and trials."""


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("name", ["", *KEPT])
def test_a_whole_result_is_no_wider_than_its_terminal_in_tables(name: str, width: int) -> None:
    text = printed(result_file.read(RESULTS / f"{name}.json.xz") if name else made_up.six(), width)
    tables = [line for line in text.splitlines() if "  " in line.strip()]
    assert tables
    assert max(cell_len(line.rstrip()) for line in tables) <= width
    assert "…" not in text
