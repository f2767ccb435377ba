"""The command `history`: figures over runs of this machine. With `harness.cli` it sees all packages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import machine_noise
from harness.commands import consoles, named_run
from harness.commands.invocation import again
from harness.commands.manual import epilog
from harness.commands.options import HELP, DebugOption
from harness.problem import ExitCode, Problem
from results.folder import write_whole
from results.printable import printable

if TYPE_CHECKING:
    from results.trend.ledger import Accepted, Ledger, Reading
    from results.trend.series import Trend

SUMMARY_LINE = "Show how figures go over runs of this machine."
"""In the list of commands."""

app = typer.Typer(
    help="How figures go over runs of one machine, and where their level changed.",
    rich_markup_mode=None,
    context_settings=dict(HELP),
)

LEDGER = "history.jsonl"

FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="Where it is kept; else with what is known of this machine."),
]


@app.command(epilog=epilog("history add"))
def add(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Folders of runs, `latest`, or files result.json (.xz).")
    ],
    file: FileOption = None,
    _debug: DebugOption = False,
) -> None:
    """Keep the figures of runs: those of cases that passed, and that stand without brackets."""
    from results import result_file, store
    from results.trend import ledger

    for run in runs:
        path = named_run.path(run)
        result = store.load(path) if path.is_dir() else result_file.read(path)
        readings = ledger.readings(result)
        if result.machine is None or not readings:
            _say(f"{run}: no figure to keep: no case passed with a figure that stands without brackets")
            continue
        target = file or machine_noise.folder(result.machine) / LEDGER
        _append(target, readings)
        _say(f"{run}: {len(readings)} figures, kept in {target}")


@app.command(epilog=epilog("history show"))
def show(
    file: FileOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every metric that is kept.")] = False,
    page: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it as a page.")] = None,
    _debug: DebugOption = False,
) -> None:
    """Show each case and metric with its trend, what became worse first."""
    from reports import trend_text
    from results.trend.series import trends

    kept = _read(file)
    found = trends(kept)
    if page is not None:
        _write_page(page, found)
        return
    if not found:
        _say(f"Nothing is kept yet: {again('history', 'add', 'RUN')}")
    console = consoles.console(sys.stdout)
    for item in trend_text.shown(found, kept.unread, everything):
        console.print(item)


@app.command(epilog=epilog("history accept"))
def accept(
    case: Annotated[str, typer.Argument(metavar="CASE", help="As `history show` names it.")],
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="As `history show` names it.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why the change is all right.")],
    file: FileOption = None,
    _debug: DebugOption = False,
) -> None:
    """Mark the newest change of a case and metric as known: a new level begins there."""
    from results.trend.ledger import Accepted
    from results.trend.series import trends

    found = {(trend.case, trend.metric): trend for trend in trends(_read(file))}
    trend = found.get((case, metric))
    if trend is None:
        known = ", ".join(sorted({name for _, name in found})) or f"none: {again('history', 'add', 'RUN')}"
        raise Problem(f"no figures of {case}, {metric}", "in the history", f"Metrics there: {known}", ExitCode.USAGE)
    if trend.newest is None:
        remedy = "There is nothing to accept"
        raise Problem("no change was found that is not known", f"{case}, {metric}", remedy, ExitCode.USAGE)
    started = trend.readings[trend.newest.place].started
    _append(_where(file), [Accepted(case=case, metric=metric, started=started, why=why[:500])])
    _say(f"accepted: {case}, {metric}, the change of {started}")


def _where(file: Path | None) -> Path:
    """The file that is named, else that of this machine."""
    from harness.host import facts

    return file or machine_noise.folder(facts.describe(None)) / LEDGER


def _read(file: Path | None) -> Ledger:
    """Raises Problem where it cannot be read."""
    from results.trend import ledger

    path = _where(file)
    try:
        return ledger.read(path)
    except OSError as error:
        raise Problem(f"the history cannot be read: {error.strerror}", str(path), "Choose a file by --file") from error


def _write_page(path: Path, found: Sequence[Trend]) -> None:
    """Raises Problem where it cannot be written."""
    from reports import trend_page

    try:
        write_whole(path, trend_page.render(found).encode())
    except OSError as error:
        raise Problem(f"the page cannot be written: {error.strerror}", str(path), "Choose a file by -o") from error
    _say(str(path))


def _append(path: Path, lines: Sequence[Reading | Accepted]) -> None:
    """Raises Problem where it cannot be written."""
    from results.trend import ledger

    try:
        ledger.append(path, lines)
    except OSError as error:
        what = f"the history cannot be written: {error.strerror}"
        raise Problem(what, str(path), "Choose a file by --file") from error


def _say(text: str) -> None:
    typer.echo(printable(text))
