"""The command `gate`: its words for the user. With `harness.cli` it sees all packages; slow imports wait until used."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.commands import completion, consoles
from harness.commands.manual import epilog
from harness.commands.options import HELP, DebugOption, EngineOption, SettingsOption, WorkloadOption
from harness.problem import ExitCode, Problem
from results.folder import write_whole
from results.printable import printable, printable_lines

if TYPE_CHECKING:
    from harness.gate.asked import Asked
    from harness.gate.gate_run import GateRun
    from harness.gate.opponent import Opponent
    from harness.gate.repository import Repository
    from results.gate.gate_result import Acceptance, GateResult, GateSide

SUMMARY_LINE = "Is this slower than it was, or wrong?"
"""In the list of commands."""

app = typer.Typer(
    help="Is this slower than it was, or wrong? Exit code 1 for a regression, 3 for wrong rows.",
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings=dict(HELP),
)

Format = Literal["text", "markdown", "json"]

ENDS = {
    "pass": ExitCode.GOOD,
    "first": ExitCode.GOOD,
    "inconclusive": ExitCode.GOOD,
    "regression": ExitCode.REGRESSION,
    "wrong": ExitCode.WRONG_RESULTS,
    "unfinished": ExitCode.UNFINISHED,
}
"""How a gate ends, by its verdict; with --strict `inconclusive` is INCONCLUSIVE."""

SUMMARY = "GITHUB_STEP_SUMMARY"


@app.callback()
def gate(
    context: typer.Context,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="REF|FOLDER", help="A revision of this repository, or the folder of a stored baseline."),
    ] = None,
    allow_missing_baseline: Annotated[
        bool, typer.Option("--allow-missing-baseline", help="Without a baseline pass, and store one.")
    ] = False,
    suite: Annotated[
        str, typer.Option(metavar="SUITE", autocompletion=completion.suite, help="The suite that is tried.")
    ] = "gate",
    engine: EngineOption = None,
    workload: WorkloadOption = None,
    log: Annotated[
        Literal["auto", "embedded", "kafka"], typer.Option(help="auto: the embedded one where all engines have it.")
    ] = "auto",
    settings: SettingsOption = None,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Of the order of the trials.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the gate's folder is made.")] = Path("runs"),
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 6 where it is inconclusive.")] = False,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="For `git bisect run`: 4, 5 and 6 become 125, and 2 becomes 128; strict.")
    ] = False,
    output_format: Annotated[Format, typer.Option("--format", help="What is printed on standard output.")] = "text",
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Say nothing until there is a result.")] = False,
    _debug: DebugOption = False,
) -> int:
    """Compare this code with a baseline, side by side: first the answers, then the speed.

    Longer than most: every option is here, with its words for the user.
    """
    if context.invoked_subcommand is not None:
        return ExitCode.GOOD
    from harness.display import choose
    from harness.gate import opponent, repository, worktree
    from harness.gate.asked import asked

    worktree.remove_left()
    top = repository.here(Path.cwd())
    if bisect and baseline is None:
        what = "--bisect needs a baseline that stays the same at each revision"
        raise Problem(what, "option --baseline", "Name the revision that is known to be good", ExitCode.USAGE)
    known = _accepted(top)
    against = opponent.named(baseline, top, allow_missing_baseline)
    report = consoles.report()
    wanted = asked(suite, engine or (), workload or (), log, settings or (), report)
    # What a program reads stands alone on standard output.
    output = "text" if output_format == "text" else "json"
    with (
        _folder(out) as folder,
        ExitStack() as stack,
        choose(output, no_progress, consoles.console(sys.stdout), consoles.console(sys.stderr)) as display,
    ):
        drawn = secrets.randbelow(2**31) if seed is None else seed
        run = _prepared(wanted, against, top, known, drawn, folder, stack)
        run.session.display = display
        display.finished("gate", _announced(wanted, run, drawn))
        result = run.conduct()
        told = _kept(run, result, against, folder)
    _show(result, told, output_format)
    if result.verdict == "inconclusive" and (strict or bisect):
        return ExitCode.INCONCLUSIVE
    return ENDS[result.verdict]


@app.command(epilog=epilog("accept"))
def accept(
    case: Annotated[str, typer.Argument(metavar="CASE", help="ENGINE.MODE.WORKLOAD, as the gate's table names it.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day on which it counts, as 2027-01-31.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is wanted; shown in every gate until then.")],
    figure: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Only this figure, by its metric's name; all of the case.")
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Let a known change pass until a day. Wrong rows are never accepted."""
    from harness.gate import repository
    from results.gate import accepted
    from results.gate.gate_result import Acceptance

    top = repository.here(Path.cwd())
    if top is None:
        remedy = "Stand in the repository whose change it is"
        raise Problem("this is no Git repository", str(Path.cwd()), remedy, ExitCode.USAGE)
    last = _checked(case, until, reason, figure).isoformat()
    try:
        new = Acceptance(case=case, metric=figure, until=last, reason=reason)
        path = accepted.add(top.top, new, _today())
    except accepted.DamagedAcceptances as damage:
        raise _damaged(top, str(damage)) from damage
    except OSError as error:
        raise Problem(
            f"the file cannot be written: {error.strerror}", str(top.top), "see to its permissions"
        ) from error
    typer.echo(printable_lines(f"{case} is accepted until {last}: {reason}\n{path}: commit this file"))


def _checked(case: str, until: str, reason: str, figure: str | None) -> date:
    """The last day. Raises Problem for what no gate could read."""
    from results.gate.gated import BY_NAME

    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise Problem(f"{until!r} is no date", "option --until", "Write it as 2027-01-31", ExitCode.USAGE) from None
    if last < _today():
        remedy = f"Choose a day from {_today().isoformat()} on"
        raise Problem(f"{until} is over, so it would count no more", "option --until", remedy, ExitCode.USAGE)
    if case.count(".") < 2 or printable(case) != case:
        what = f"{case!r} is no case"
        raise Problem(what, "argument CASE", "For example: continuous.default.sensors", ExitCode.USAGE)
    if not reason.strip():
        raise Problem("a reason is missing", "option --reason", "Say why the change is wanted", ExitCode.USAGE)
    if figure is not None and figure not in BY_NAME:
        what, remedy = f"{figure!r} is no figure of a gate", f"Allowed: {', '.join(BY_NAME)}"
        raise Problem(what, "option --figure", remedy, ExitCode.USAGE)
    return last


def _today() -> date:
    return datetime.now(UTC).date()


def _accepted(top: Repository | None) -> list[Acceptance]:
    """What counts today. Raises Problem where the file cannot be read: a gate would fail for what was accepted."""
    from results.gate import accepted

    try:
        return accepted.valid(accepted.read(top.top), _today()) if top is not None else []
    except accepted.DamagedAcceptances as damage:
        assert top is not None  # noqa: S101 - there was a file
        raise _damaged(top, str(damage)) from damage


def _damaged(top: Repository, why: str) -> Problem:
    from results.gate.accepted import FILE

    return Problem(f"accepted changes cannot be read: {why}", str(top.top / FILE), "restore the file", ExitCode.USAGE)


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """The folder of this gate. Where nothing was concluded, nothing is left of it but what failed."""
    from harness.run import new_folder

    folder = new_folder(out, "gate")
    try:
        yield folder
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.write("interrupted; nothing was concluded, and nothing is left\n")
        raise
    finally:
        for left in (folder / _TRIALS, folder):
            if left.is_dir() and not any(left.iterdir()):
                left.rmdir()


_TRIALS = "trials"


def _prepared(
    wanted: Asked,
    against: Opponent,
    top: Repository | None,
    known: Sequence[Acceptance],
    seed: int,
    folder: Path,
    stack: ExitStack,
) -> GateRun:
    """Both sides made ready. Raises Problem with what is missing."""
    from harness.display import Silent
    from harness.gate.gate_run import GateRun, stored
    from harness.gate.opponent import made_ready
    from harness.gate.session import GateSession
    from harness.gate.side import SideCode
    from harness.host import facts
    from results.gate import kept_baseline
    from results.gate.gate_result import Side

    machine = facts.describe(None)
    kept = stored(against.folder, machine) if against.folder is not None else None
    sides = made_ready(against, top, wanted.to_set_up, consoles.report(), stack)
    code: dict[Side, SideCode] = {"candidate": sides.candidate}
    if sides.baseline is not None:
        code["baseline"] = sides.baseline
    return GateRun(
        session=GateSession(wanted, code, folder / _TRIALS, Silent()),
        baseline=_before(against),
        candidate=_after(top),
        seed=seed,
        machine=machine,
        accepted=known,
        stored=kept,
        first=None if against.revision or against.folder else against.stored or folder / kept_baseline.SIDES[0],
    )


def _before(against: Opponent) -> GateSide:
    from results.gate.gate_result import GateSide

    if against.revision is not None:
        return GateSide(kind="revision", name=against.revision.said, commit=against.revision.commit)
    if against.folder is not None:
        return GateSide(kind="folder", name=f"the stored trials of {against.folder.name}")
    return GateSide(kind="none", name="nothing yet")


def _after(top: Repository | None) -> GateSide:
    from results.gate.gate_result import GateSide

    commit = (top.commit("HEAD") if top is not None else None) or ""
    dirty = top is not None and top.dirty()
    return GateSide(kind="revision" if commit else "none", name="the working tree", commit=commit, dirty=dirty)


def _announced(wanted: Asked, run: GateRun, seed: int) -> str:
    """How many trials there will be, and about how many minutes they take."""
    from harness.gate.gate_run import STORED_TRIALS
    from harness.planning.duration import in_minutes
    from results.gate.decision import FRESH_PAIRS, SCREEN_PAIRS

    one = list(wanted.seconds.values())
    sides = 1 if run.first is not None or run.stored is not None else 2
    trials = STORED_TRIALS if run.first is not None else SCREEN_PAIRS * sides
    told = f"{trials * len(one)} trials on the {wanted.log} log, about {in_minutes(one * trials)} min"
    if run.first is None:
        further = FRESH_PAIRS * sides
        told += f"; where something is flagged at most {further * len(one)} more, about {in_minutes(one * further)} min"
    return f"{told} (order: --seed {seed})"


def _kept(run: GateRun, result: GateResult, against: Opponent, folder: Path) -> Mapping[str, str]:
    """Write every form of the result, each whole; by the name of a form, its text."""
    from reports.gate import annotations, gate_markdown, junit
    from results.gate import kept_baseline

    text = json.dumps(result.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    page = gate_markdown.page(result)
    try:
        for side, trials in run.judged.items():
            if trials:
                kept_baseline.keep(folder / side, result.suite, result.machine, trials)
        if result.verdict == "first" and against.stored is not None:
            kept_baseline.keep(against.stored, result.suite, result.machine, run.judged["candidate"])
        write_whole(folder / "gate.md", page.encode())
        write_whole(folder / "junit.xml", junit.document(result))
        write_whole(folder / "gate.json", text.encode(errors="backslashreplace"))
    except OSError as error:
        what = f"{result.summary} This cannot be kept: {error.strerror}"
        code = ENDS[result.verdict] or ExitCode.UNFINISHED
        raise Problem(what, str(error.filename or folder), "make room, or write elsewhere with --out", code) from error
    return {
        "json": text,
        "markdown": page,
        "annotations": "\n".join(annotations.lines(result)),
        "folder": str(folder),
    }


def _show(result: GateResult, told: Mapping[str, str], output_format: Format) -> None:
    """Print it, and tell GitHub where it runs there."""
    from reports.gate import gate_text

    if output_format == "text":
        gate_text.render(result, told["folder"], consoles.console(sys.stdout))
    else:
        typer.echo(printable_lines(told[output_format].rstrip("\n")))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        typer.echo(told["annotations"], err=output_format != "text")
    if summary := os.environ.get(SUMMARY):
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(told["markdown"])
        except OSError as error:
            # The verdict stands, whether a page can show it or not.
            sys.stderr.write(printable_lines(f"{SUMMARY} cannot be written: {error.strerror}") + "\n")
