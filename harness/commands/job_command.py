"""The command `job`: a program of a user's own is tried by itself. With `harness.cli` it sees all packages."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import consoles
from harness.commands.invocation import again, program
from harness.commands.manual import epilog
from harness.commands.named_run import RUNS
from harness.commands.options import HELP, DebugOption
from harness.problem import ENDS, ExitCode, Problem
from results.printable import printable

if TYPE_CHECKING:
    from engines.own_job import OwnJob
    from harness.display import Display
    from harness.planning.readiness import Readiness
    from results.plan import CasePlan, RunPlan
    from results.result import CaseResult

SUMMARY_LINE = "Make a program of yours an engine, and try it."
"""In the list of commands."""

SUITE = Path(__file__).parents[1] / "planning" / "job_check.toml"
"""What a check asks."""

CHECKS = RUNS / "job-check"
"""A check is no run that `latest` should name."""

CALM_S = 6.0
"""How long a program is loaded before anything is killed, without what is thrown away."""

app = typer.Typer(
    help="A program of yours as an engine: a job file says how it is started, and what it answers.",
    rich_markup_mode=None,
    context_settings=dict(HELP),
)


@app.command(epilog=epilog("job new"))
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; nothing is overwritten.")] = Path(
        "job.toml"
    ),
    _debug: DebugOption = False,
) -> None:
    """Write a job file to begin with, with a comment at each key."""
    from harness.planning.job_file import TEMPLATE

    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        remedy = f"Name another: {again('job', 'new', 'FILE')}"
        raise Problem("there is such a file already", str(file), remedy, ExitCode.USAGE) from None
    except OSError as error:
        what = f"the job file cannot be written: {error.strerror}"
        raise Problem(what, str(file), f"Name another: {again('job', 'new', 'FILE')}", ExitCode.USAGE) from error
    _say(f"{file}: put your command in, then: {again('job', 'check', str(file))}")


@app.command(epilog=epilog("job check"))
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The job file; its commands are started.")],
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Use a broker that is already there.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the folders of its two runs are made.")] = CHECKS,
    _debug: DebugOption = False,
) -> int:
    """Try a program, in about a minute: does it start, answer right, and survive a kill?"""
    from harness.display import choose
    from harness.planning.catalogue import discover
    from harness.planning.job_file import load
    from harness.planning.readiness import Readiness

    job = load(file, discover())
    readiness = Readiness(consoles.report())
    planned = _plan(job, readiness, kafka)
    blocked = planned.cases[0].blocked
    if blocked is not None:
        raise Problem(f"{job.name} cannot be tried here: {blocked.reason}", str(file), blocked.remedy)
    on = consoles.console(sys.stdout), consoles.console(sys.stderr)
    for step in (_calm, _struck):
        with choose("text", False, *on) as display:
            told = _tried(step(planned), job, readiness, out, display)
        for line in told.lines:
            _say(line)
        if told.code != ExitCode.GOOD:
            return told.code
    _say(f"{job.name} is ready to be run: {again('run', 'ci', '--job', str(file))}")
    return ExitCode.GOOD


def _plan(job: OwnJob, readiness: Readiness, kafka: str | None) -> RunPlan:
    """One case, of this program on Kafka. Raises Problem or InvalidRequest."""
    from harness.planning import planner, request
    from harness.planning.catalogue import discover

    known = discover().with_job(job)
    selection = planner.Selection((job.name,), log="kafka", kafka=kafka, job_sha256=job.sha256)
    _, suite, selection = request.resolve(request.Request(str(SUITE), selection, {}, job=job.terms), known)
    readiness.own_broker = kafka is None
    log = planner.choose_log(selection, [job], readiness.has_java, readiness.without_kafka)
    command = f"{program()} {shlex.join(sys.argv[1:])}"
    return planner.make("job-check", suite, selection, known, log, readiness.available, command)


def _calm(planned: RunPlan) -> RunPlan:
    """The same without a strike, and short."""
    return _with(planned, lambda case: {"strikes": None, "paced": _short(case)})


def _short(case: CasePlan) -> object:
    return None if case.paced is None else case.paced.model_copy(update={"measured_s": CALM_S})


def _struck(planned: RunPlan) -> RunPlan:
    """The same with one strike, however many workers there are."""
    return _with(planned, lambda case: {"strikes": case.strikes and case.strikes.model_copy(update={"most": 1})})


def _with(planned: RunPlan, changed: Callable[[CasePlan], Mapping[str, object]]) -> RunPlan:
    cases = tuple(case.model_copy(update=changed(case)) for case in planned.cases)
    return planned.model_copy(update={"cases": cases})


@dataclass(frozen=True)
class _Told:
    """What became of a run, in lines, and how the command ends if it ends with it."""

    lines: list[str]
    code: ExitCode


def _tried(planned: RunPlan, job: OwnJob, readiness: Readiness, out: Path, display: Display) -> _Told:
    from harness import run as running
    from results import store

    folder = running.new_folder(out, planned.suite)
    try:
        running.execute(planned, readiness.provisioned(planned), folder, display, job)
    except (KeyboardInterrupt, Exception):
        running.forsaken(folder)
        raise
    case = store.judge_again(folder).cases[0]
    logs = folder / "cases" / case.trial / "logs"
    return _Told(list(_lines(case, logs)), ExitCode.GOOD if _good(case) else ENDS[case.outcome])


def _good(case: CaseResult) -> bool:
    """Whether all rows were as they should be. One kill is not enough to test a guarantee of several workers."""
    killed = any(strike.state == "confirmed" for strike in case.strikes)
    only_untested = killed and case.reason.startswith("untested") and case.verdict.match > 0
    return case.outcome == "pass" or only_untested


def _why(case: CaseResult) -> str:
    """Without the notes on speeds that a reason ends with: a check shows no speed."""
    return case.reason.removesuffix("".join(f"; {note}" for note in case.notes))


def _lines(case: CaseResult, logs: Path) -> Iterator[str]:
    """What a program did, for people: what was asked first, then how it went."""
    from results.metrics.startup import STARTUP

    struck = next((strike for strike in case.strikes if strike.state == "confirmed"), None)
    asked = "answers right" if case.asked is None or case.asked.strikes is None else "survives a kill"
    if _good(case):
        verdict = case.verdict
        rows = f"{verdict.match:,} rows as they should be"
        repeated = f", {verdict.duplicate:,} came again, as it claims" if verdict.duplicate else ""
        startup = case.metrics.get(STARTUP.name)
        ready = f"; ready after {startup.value:.1f} {startup.unit}" if startup is not None and struck is None else ""
        yield f"✓ {asked}: {rows}{repeated}{ready}"
        if struck is not None:
            stake = "something was at stake" if struck.exposed else "it is not told that anything was at stake"
            yield f"    {struck.detail}; {stake}. The strikes of a suite test its guarantee"
        return
    yield f"✗ {asked}: no. {_why(case)}"
    if any(strike.state == "missed" for strike in case.strikes):
        # The aim is right after a commit, where the file tells how far the program is.
        yield f"    nothing was killed: {case.strikes[0].detail}. Does `progress` in the job file tell its commits?"
    for offence in case.offences[:_MOST_OFFENCES]:
        yield f"    {offence.kind}: {offence.explanation}"
    if case.outcome != "fail":
        yield from (f"    {line}" for line in case.last_lines)
    yield f"    its logs: {logs}"


_MOST_OFFENCES = 3


def _say(text: str) -> None:
    typer.echo(printable(text))
