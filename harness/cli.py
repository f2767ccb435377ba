"""The command line: the one module that sees all the others. What is slow to import is imported where it is used.

Longer than most: every command is here, with its words for the user.
"""

from __future__ import annotations

import errno
import json
import shlex
import sys
import textwrap
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer.exceptions import TyperException

from harness.commands import completion, history_command, job_command, named_run
from harness.commands.consoles import console as _console
from harness.commands.consoles import report as _report
from harness.commands.invocation import NAME, again, in_command, program, short_name
from harness.commands.manual import epilog
from harness.commands.named_run import LATEST, RUNS
from harness.commands.options import HELP, DebugOption, EngineOption, SettingsOption, WorkloadOption
from harness.commands.outlet import open_outlets
from harness.gate import command as gate
from harness.host.interruption import interrupt_on_signals
from harness.planning.suite_files import suites
from harness.problem import ENDS, ExitCode, Problem, bisected
from results.folder import write_whole
from results.printable import printable, printable_lines

if TYPE_CHECKING:
    from engines.own_job import OwnJob
    from harness.display import Display
    from harness.forecast import Forecast
    from harness.planning.readiness import Readiness
    from harness.planning.request import Request
    from results.plan import RunPlan
    from results.result import RunResult

SEVEREST = (
    ExitCode.WRONG_RESULTS,
    ExitCode.REGRESSION,
    ExitCode.UNFINISHED,
    ExitCode.ENVIRONMENT,
    ExitCode.INCONCLUSIVE,
    ExitCode.GOOD,
)
"""Of several ways to end, the first of these that applies: what was found out comes before what was not."""

_MOST_COMPARED = 26
"""They are called by letters."""

app = typer.Typer(
    name=NAME,
    help="Measures stream processors: throughput, latency, exactly-once correctness and memory, with evidence.",
    epilog=epilog(""),
    rich_markup_mode=None,
    context_settings=dict(HELP),
)

app.add_typer(gate.app, name="gate", epilog=epilog("gate"), short_help=gate.SUMMARY_LINE)
app.add_typer(job_command.app, name="job", epilog=epilog("job"), short_help=job_command.SUMMARY_LINE)
app.add_typer(history_command.app, name="history", epilog=epilog("history"), short_help=history_command.SUMMARY_LINE)

_SHORT = {
    "run": "Run a suite, or one case for each engine and workload named.",
    "noise": "Try one case against itself: which changes can be seen here.",
    "explain": "Show what an engine would run: its settings and its plan.",
    "judge": "Judge a stored run again, from its histories.",
    "report": "Make one HTML page of a run's results.",
    "compare": "Say what changed from one result to others.",
    "export": "Give a run's figures to another tool.",
    "doctor": "Say what can run here, and what repairs the rest.",
    "setup": "Bring what engines need now, instead of at first use.",
}
"""A line of the list of commands, whole at 80 columns."""

Format = Literal["text", "json", "markdown"]
FormatOption = Annotated[
    Format,
    typer.Option("--format", help="text, or one document on standard output and nothing else."),
]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="BOUND",
        help="Such as 'p99 < 2s', beside those of the suite: exit code 1 where a case crosses it; may be repeated.",
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=completion.run,
        help="A run's folder, `latest` of those in runs/ (`DIR/latest`: of those in DIR), or a result.json (.xz).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with code 6 where a figure stands in brackets.")]
WaitOption = Annotated[
    str | None, typer.Option("--wait-quiet", metavar="DURATION", help="Wait so long, such as 60s, for a calm machine.")
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="FAULT",
        autocompletion=completion.fault,
        help="Replace the faults that strike (`all`: every one); may be repeated.",
    ),
]


def main() -> None:
    """Run the command line and exit with the code that docs/commands.md lists."""
    interrupt_on_signals()
    out, err = open_outlets()
    code = execute(sys.argv[1:])
    out.flush()
    if out.failure is not None:
        what = f"standard output cannot be written: {out.failure.strerror}"
        untold = _tell([Problem(what, "", "What a run recorded and its result are kept", ExitCode.UNFINISHED)])
        code = code or untold
    err.flush()
    sys.exit(code)


def execute(arguments: Sequence[str]) -> int:
    """The exit code of a command; its errors are said in a line of what, one of where and one of what to do."""
    return bisected(arguments, _executed(arguments))


def _executed(arguments: Sequence[str]) -> int:
    try:
        code: int | None = app(list(arguments) or ["--help"], prog_name=short_name(), standalone_mode=False)
    except TyperException as error:
        return _tell([_misuse(error)])
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as end:  # Completion ends so, with 1 for a shell that it does not know.
        return ExitCode.USAGE if end.code else ExitCode.GOOD
    except Exception as error:
        if "--debug" in arguments:
            sys.stderr.write(printable_lines(traceback.format_exc()))
        return _tell(_problems(error))
    if code and arguments[0] in _COMPLETIONS:
        return ExitCode.USAGE  # Typer's own code is 1: it does not know the shell.
    return ExitCode.GOOD if code is None else code


_COMPLETIONS = ("--install-completion", "--show-completion")


def _tell(problems: Sequence[Problem]) -> int:
    for problem in problems:
        sys.stderr.write(problem.text() + "\n")
    return problems[0].exit_code


def _misuse(error: TyperException) -> Problem:
    """What click says about a command line, apart from what it advises."""
    message = getattr(error, "format_message", lambda: str(error))()
    # Click offers the nearest options in brackets, Typer the nearest commands in a sentence.
    what, _, options = message.replace("Value error, ", "").partition(" (Possible options: ")
    advice = f"Did you mean {options.rstrip(')')}? " if options else ""
    what, mark, commands = what.partition(" Did you mean")
    advice = f"{mark.strip()}{commands} " if mark else advice
    context = getattr(error, "ctx", None)
    command = context.command_path if context else short_name()
    return Problem(
        what, f"in the command `{command}`", f"{advice}See: {again(*command.split()[1:], '--help')}", ExitCode.USAGE
    )


def _problems(error: Exception) -> Sequence[Problem]:
    from engines.failure import Failure
    from harness.planning.suite import InvalidRequest
    from results.history import NotStored
    from results.store import DamagedRun, Unjudged

    match error:
        case Problem():
            return [error]
        case InvalidRequest():
            return error.problems
        case Failure():
            return [Problem(error.what, error.where, error.remedy, ExitCode.UNFINISHED)]
        case DamagedRun():
            remedy = f"{error.remedy}: {again(*error.command)}" if error.command else error.remedy
            return [Problem(error.what, str(error.where), remedy, ExitCode.USAGE)]
        case NotStored():
            return [Problem(str(error.strerror), str(error.filename), "make room, or write elsewhere")]
        case OSError(errno=errno.ENAMETOOLONG):
            # Whichever word of the command named it: paths are looked at in many places.
            what = f"a name is longer than a file's may be: {str(error.filename)[:60]}..."
            return [Problem(what, "in the command line or the suite", "Choose a shorter one", ExitCode.USAGE)]
        case Unjudged():
            return [Problem(error.what, str(error.where), error.remedy, ExitCode.ENVIRONMENT)]
    where = traceback.extract_tb(error.__traceback__)[-1]
    return [
        Problem(
            f"an error that was not foreseen: {type(error).__name__}: {error}",
            f"in {Path(where.filename).name}, line {where.lineno}",
            "Run the same with --debug and report what it prints",
            ExitCode.UNFINISHED,
        )
    ]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        _say(f"streamgauge {version('streamgauge')}")
        raise typer.Exit


@app.callback()
def _streamgauge(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog=epilog("run"),
    short_help=_SHORT["run"],
    help="Run a suite, or one case for each engine and workload that is named.",
)
def run(
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="SUITE",
            autocompletion=completion.suite,
            help=f"A suite's name ({', '.join(suites())}), or a path to its file.",
        ),
    ] = None,
    engine: EngineOption = None,
    workload: WorkloadOption = None,
    log: Annotated[
        Literal["embedded", "kafka", "auto"],
        typer.Option(help="The log between load and engines; auto: Kafka where Java is there."),
    ] = "auto",
    kafka: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Use a Kafka that is already there; several addresses with commas."),
    ] = None,
    keep_topics: Annotated[
        bool, typer.Option("--keep-topics", help="Delete nothing of what the run makes on that Kafka.")
    ] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Replace the suite's seed.")] = None,
    guarantee: Annotated[
        Literal["at-most-once", "at-least-once", "exactly-once"] | None,
        typer.Option(help="Replace the suite's guarantee."),
    ] = None,
    settings: SettingsOption = None,
    fault: FaultOption = None,
    rate: Annotated[
        Literal["search", "sweep"] | None,
        typer.Option(
            help="In place of one paced phase: search the rate that each engine sustains, or sweep over rates."
        ),
    ] = None,
    pin: Annotated[
        Literal["off", "auto"] | None,
        typer.Option(help="auto: give each engine CPUs of its own, where there are four or more."),
    ] = None,
    threshold: ThresholdOption = None,
    job: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Run the program of this job file; its commands are started."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder is made.")] = RUNS,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            autocompletion=completion.run,
            help="Go on with a run that was interrupted, and nothing else.",
        ),
    ] = None,
    strict: StrictOption = False,
    wait_quiet: WaitOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing: print the cases, and about how long each takes.")
    ] = False,
    output_format: FormatOption = "text",
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Say nothing until there are results.")] = False,
    _debug: DebugOption = False,
) -> int:
    """Run a suite, or one case for each engine and workload that is named.

    Longer than most: every option is here, with its words for the user.
    """
    wish = _Wish(output_format, no_progress, strict, _wait_s(wait_quiet))
    own = None if job is None else _job(job)
    if resume is not None:
        begun = named_run.folder(resume)
        if dry_run:
            return _foretell_rest(begun, output_format, own)
        return _resume(begun, wish, own, keep_topics)
    from harness.planning.planner import Selection
    from harness.planning.request import Request, overrides

    engines = (*(engine or ()), *([own.name] if own is not None else ()))
    selection = Selection(
        tuple(dict.fromkeys(engines)),
        tuple(dict.fromkeys(workload or ())),
        log,
        kafka,
        guarantee,
        keep_topics,
        None if own is None else own.sha256,
    )
    replaced = overrides(settings or [], seed, fault or (), rate=rate, pin=pin)
    asked = Request(suite, selection, replaced, tuple(threshold or ()), None if own is None else own.terms)
    if dry_run:
        return _foretell(asked, output_format, own)
    return _execute(*_planned(asked, out, own), wish, own)


def _job(file: Path) -> OwnJob:
    """The program that a job file describes. Raises Problem or InvalidRequest."""
    from harness.planning.catalogue import discover
    from harness.planning.job_file import load

    return load(file, discover())


def _planned(asked: Request, out: Path, job: OwnJob | None = None) -> tuple[RunPlan, Readiness, Path]:
    """What is asked, as a plan, with what this machine is ready for, and the folder that was made for it."""
    from harness import run as running
    from harness.planning.readiness import Readiness

    readiness = Readiness(_report())
    planned = _plan(asked, readiness, job)
    return planned, readiness, running.new_folder(out, planned.suite)


def _plan(asked: Request, readiness: Readiness, job: OwnJob | None) -> RunPlan:
    from harness.planning import catalogue, planner, request

    known = catalogue.discover().with_job(job)
    source, content, selection = request.resolve(asked, known)
    loaded = [
        known.loaded[name] for name in planner.selected_engines(content, selection, known) if name in known.loaded
    ]
    log_choice = planner.choose_log(selection, loaded, readiness.has_java, readiness.without_kafka)
    readiness.own_broker = log_choice[0] == "kafka" and selection.kafka is None
    name = request.run_name(source)
    command = f"{program()} {shlex.join(sys.argv[1:])}"
    return planner.make(name, content, selection, known, log_choice, readiness.available, command)


def _foretell(asked: Request, output_format: Format, job: OwnJob | None) -> int:
    """Say what would run; nothing is brought, started or written."""
    from harness.forecast import forecast
    from harness.planning.catalogue import discover
    from harness.planning.readiness import Outlook

    outlook = Outlook(_report())
    planned = _plan(asked, outlook, job)
    known = discover().with_job(job).loaded
    return _tell_forecast(forecast(planned, planned.runnable, known, outlook.lacking), output_format)


def _foretell_rest(folder: Path, output_format: Format, job: OwnJob | None) -> int:
    """The same of a run that was interrupted."""
    from harness import run as running
    from harness.forecast import forecast
    from harness.planning.catalogue import discover

    planned = running.resumed(folder)
    _same_job(planned, job, folder)
    known = discover().with_job(job).loaded
    return _tell_forecast(forecast(planned, running.unrecorded(planned, folder), known), output_format)


def _same_job(planned: RunPlan, job: OwnJob | None, folder: Path) -> None:
    """A run that goes on needs the job file that it began with, and no other. Raises Problem."""
    given = None if job is None else job.sha256
    if planned.job_sha256 == given:
        return
    if planned.job_sha256 is None:
        what, remedy = "this run has no job of yours", "leave --job out"
    elif given is None:
        what, remedy = "this run began with a job file, which is not kept in it", "name the file again with --job"
    else:
        what = f"this is not the job file that the run began with: its SHA-256 is {given}, not {planned.job_sha256}"
        remedy = "name the file as it was, or begin a new run"
    raise Problem(what, str(folder), remedy, ExitCode.USAGE)


def _tell_forecast(told: Forecast, output_format: Format) -> int:
    from harness.forecast import cells, document, lines
    from reports import markdown

    match output_format:
        case "json":
            _say(json.dumps(document(told), indent=2, ensure_ascii=False))
        case "markdown":
            title = markdown.escaped(f"{told.plan.suite}: {told.summary()}")
            _say("\n".join([f"### {title}", "", *markdown.table(("case", "time"), cells(told))]))
        case "text":
            _say("\n".join(lines(told)))
    return ExitCode.GOOD if told.expected_s else ExitCode.ENVIRONMENT


@dataclass(frozen=True)
class _Wish:
    """How a run is to be shown and concluded. wait_s: for a calm machine; 0 for not at all."""

    output_format: Format
    no_progress: bool
    strict: bool
    wait_s: float


def _wait_s(duration: str | None) -> float:
    """Raises Problem for what is no duration."""
    from harness.planning.quantity import seconds

    try:
        return seconds(duration) if duration is not None else 0.0
    except ValueError as error:
        raise Problem(str(error), "option --wait-quiet", "Write it as in 60s", ExitCode.USAGE) from error


def _resume(folder: Path, wish: _Wish, job: OwnJob | None, keep_topics: bool) -> int:
    """Record what an interrupted run has not recorded yet, and conclude it. keep_topics: also where it did not say so
    as it began.
    """
    from harness import run as running
    from harness.planning.catalogue import discover
    from harness.planning.readiness import Readiness

    planned = running.resumed(folder)
    planned = planned.model_copy(update={"keep_topics": planned.keep_topics or keep_topics})
    _same_job(planned, job, folder)
    readiness = Readiness(_report())
    readiness.own_broker = planned.log == "kafka" and planned.kafka is None
    engines = discover().with_job(job).loaded
    for name in {case.engine for case in planned.runnable}:
        if name not in engines:
            raise Problem(f"there is no engine {name} here", str(folder), "begin a new run", ExitCode.USAGE)
        blocked = readiness.available(engines[name], planned.log)
        if blocked is not None:
            raise Problem(f"{name} cannot run here any more: {blocked.reason}", str(folder), blocked.remedy)
    return _execute(planned, readiness, folder, wish, job)


def _execute(planned: RunPlan, readiness: Readiness, folder: Path, wish: _Wish, job: OwnJob | None = None) -> int:
    from harness import run as running

    try:
        _record(planned, readiness, folder, wish, job)
    except (KeyboardInterrupt, Exception) as error:
        what, where = "interrupted" if isinstance(error, KeyboardInterrupt) else "the run ended early", str(folder)
        if running.forsaken(folder):
            sys.stderr.write(f"{what} before anything was run; nothing is kept\n")
            raise
        named = [] if job is None else ["--job", str(job.file)]
        further = again("judge", where), again("run", "--resume", where, *named)
        sys.stderr.write("\n  ".join((f"{what}; what is known is kept", printable(where), *further)) + "\n")
        raise
    code = _conclude(folder, wish.output_format, wish.strict)
    _forget_disturbed(folder)
    return code


def _record(planned: RunPlan, readiness: Readiness, folder: Path, wish: _Wish, job: OwnJob | None) -> None:
    from harness import run as running
    from harness.display import choose
    from harness.forecast import forecast
    from harness.planning.catalogue import discover

    with choose(wish.output_format, wish.no_progress, _console(sys.stdout), _console(sys.stderr)) as display:
        tools = readiness.provisioned(planned)
        if planned.runnable:
            _look_around(display, wish.wait_s)
        told = forecast(planned, running.unrecorded(planned, folder), discover().with_job(job).loaded)
        display.finished("run", told.summary())
        display.expect(told.expected_s)
        running.execute(planned, tools, folder, display, job)


def _forget_disturbed(folder: Path) -> None:
    """A calibration that other work disturbed serves no later run."""
    from harness.calibration import forget
    from results import store
    from results.plan import CALIBRATION

    for own in store.load(folder).calibrations:
        if own.disturbed:
            forget(folder / CALIBRATION / own.workload)


def _look_around(display: Display, wait_s: float) -> None:
    """Say what the machine is like, and wait until it is calm where that was asked for."""
    from harness.host.surroundings import before_a_run, wait_for_calm

    with suppress(OSError):  # What cannot be read of a machine is no reason not to run.
        for line in before_a_run():
            display.finished("machine", line)
    if wait_s > 0:
        calm = wait_for_calm(wait_s, lambda text: display.step("machine", text))
        display.finished("machine", "calm" if calm else f"not calm within {wait_s:g} s: the run begins all the same")


@app.command(epilog=epilog("noise"), short_help=_SHORT["noise"])
def noise(
    engine: Annotated[
        str,
        typer.Option(
            "-e", "--engine", metavar="ENGINE", autocompletion=completion.engine, help="The engine that is tried."
        ),
    ],
    trials: Annotated[int, typer.Option("-n", "--trials", metavar="N", min=5, max=1000, help="How many trials.")] = 10,
    workload: Annotated[
        str,
        typer.Option("-w", "--workload", metavar="WORKLOAD", autocompletion=completion.workload, help="The workload."),
    ] = "sensors",
    log: Annotated[
        Literal["embedded", "kafka", "auto"], typer.Option(help="As of `run`: noise is known for each kind by itself.")
    ] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the suite `pair`; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder is made.")] = RUNS,
    wait_quiet: WaitOption = None,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Say nothing until there are results.")] = False,
    _debug: DebugOption = False,
) -> int:
    """Try one case against itself: the smallest change that this machine can see, kept for later runs on it."""
    from harness import machine_noise
    from harness.planning.planner import Selection
    from harness.planning.request import Request, overrides
    from results import noise as measuring
    from results import store

    asked = Request(
        None, Selection((engine,), (workload,), log), overrides([*(settings or []), f"trials={trials}"], None)
    )
    planned, readiness, folder = _planned(asked, out)
    code = _execute(planned, readiness, folder, _Wish("text", no_progress, False, _wait_s(wait_quiet)))
    found = measuring.measured(store.load(folder))
    if isinstance(found, str):
        what, remedy = f"the noise of this machine cannot be told: {found}", "Run it again once that is fixed"
        return code or _tell([Problem(what, str(folder), remedy, ExitCode.UNFINISHED)])
    name = ".".join((found.engine, found.mode, found.workload, found.log))
    path = machine_noise.keep(found.machine, name, found.model_dump_json(indent=1).encode())
    _say(f"\n{found.engine} against itself, {found.trials} trials: smaller changes than these cannot be seen here")
    for metric, change in found.changes.items():
        _say(f"  {metric:<28} {change:>8.1%}")
    if found.bracketed:
        _say(f"nothing is told of what stood in brackets: {', '.join(found.bracketed)}")
    _say(f"kept in {path}; later runs on this machine call what is below it inconclusive")
    return code


@app.command(epilog=epilog("explain"), short_help=_SHORT["explain"])
def explain(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE",
            autocompletion=completion.case,
            help="ENGINE.WORKLOAD, ENGINE.MODE.WORKLOAD, or a case's whole name.",
        ),
    ],
    suite: Annotated[
        str,
        typer.Option(metavar="SUITE", autocompletion=completion.suite, help="The suite that it is a case of."),
    ] = "quick",
    settings: SettingsOption = None,
    _debug: DebugOption = False,
) -> None:
    """Show what an engine would run: its settings against the defaults, with a reason each, and its plan."""
    from harness import engine_plan
    from harness.planning.request import overrides

    for part in engine_plan.explained(case, suite, overrides(settings or [], None), _report()):
        _say(printable_lines(part))


@app.command(epilog=epilog("judge"), short_help=_SHORT["judge"])
def judge(
    run: RunArgument,
    threshold: ThresholdOption = None,
    strict: StrictOption = False,
    output_format: FormatOption = "text",
    _debug: DebugOption = False,
) -> int:
    """Judge a stored run again, from its histories; no engine is needed. A result without them is shown as it is."""
    from harness.planning.threshold_table import given
    from results.thresholds import checked

    path, further = named_run.path(run), given(threshold or ())
    result = _judge(path) if path.is_dir() else _result(path)
    if not path.is_dir():
        kept = f"{path} has no histories to be judged again: as method version {result.method_version} judged it"
        sys.stderr.write(f"{printable(kept)}\n")
    # What is asked here is no part of the run: its stored result does not tell of it.
    told = [*result.thresholds, *checked(result.cases, further)]
    return _show(result.model_copy(update={"thresholds": told}), path, output_format, strict)


@app.command(epilog=epilog("report"), short_help=_SHORT["report"])
def report(
    run: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to write it; else beside what it is made of."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="RUN",
            autocompletion=completion.run,
            help="Another result: the page also says what changed from it, as `compare` does.",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="FOLDER", help="Also write each chart as SVG and PNG in there.")
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Make one self-contained HTML page of a run's results."""
    from reports import html

    source = named_run.path(run)
    result = _result(source)
    path = output or _beside(source)
    before = None if against is None else (against, _result(named_run.path(against)))
    page = html.render(result, _command(source, result), before).encode()
    try:
        if output is None:
            # The folder may come from anyone, and its report.html may be a link.
            write_whole(path, page)
        else:
            path.write_bytes(page)
    except OSError as error:
        raise Problem(f"the report cannot be written: {error.strerror}", str(path), "Choose a file with -o") from error
    _say(printable(str(path)))
    if images is not None:
        _draw(result, images)


def _draw(result: RunResult, folder: Path) -> None:
    """Write the charts as image files. Raises Problem."""
    from reports import images

    try:
        written = images.write(result, folder)
    except ImportError as error:
        remedy = f"Install it: {shlex.quote(sys.executable)} -m pip install 'streamgauge[images]'"
        raise Problem("vl-convert, which draws images, is not installed", "--images", remedy, ExitCode.USAGE) from error
    except OSError as error:
        what = f"the images cannot be written: {error.strerror}"
        raise Problem(what, str(folder), "Choose a folder with --images") from error
    _say(printable("\n".join(map(str, written)) if written else "there is no chart in this result"))


@app.command(epilog=epilog("compare"), short_help=_SHORT["compare"])
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            autocompletion=completion.run,
            help="Two or more, each as of `judge`: the first against each of the others.",
        ),
    ],
    output_format: FormatOption = "text",
    _debug: DebugOption = False,
) -> None:
    """Say what changed from one result to others: what became wrong, which figures, and what cannot be compared."""
    from reports import change_text
    from reports.changes import changes

    if not 2 <= len(runs) <= _MOST_COMPARED:
        what = f"{len(runs)} result{'' if len(runs) == 1 else 's'} to compare; it takes from 2 to {_MOST_COMPARED}"
        raise Problem(
            what, in_command("compare"), f"For example: {again('compare', 'runs/ONE', 'latest')}", ExitCode.USAGE
        )
    paths = [named_run.path(run) for run in runs]
    found = changes([(str(path), _result(path)) for path in paths])
    match output_format:
        case "json":
            _say(json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False))
        case "markdown":
            _say(change_text.page(found))
        case "text":
            change_text.render(found, _console(sys.stdout))


@app.command("list", epilog=epilog("list"))
def list_(
    what: Annotated[Literal["engines", "workloads", "faults", "suites"], typer.Argument(help="What to list.")],
    as_json: JsonOption = False,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Of engines: how each answers each workload, mode by mode.")
    ] = False,
    _debug: DebugOption = False,
) -> None:
    """List what there is."""
    from harness.planning.catalogue import LISTS

    if matrix:
        _show_matrix(what, as_json)
        return
    entries = LISTS[what]()
    if as_json:
        _say(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    width = _console(sys.stdout).width
    wide = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        parameters = "  ".join(f"{name}={value!r}" for name, value in entry.get("parameters", {}).items())
        # Where there is little room, the name has a line of its own.
        indent = " " * (wide + 1 if width >= _NARROW else 2)
        begin = f"{entry['name']:<{wide}} " if width >= _NARROW else f"{entry['name']}\n{indent}"
        for first, words in ((begin, entry["about"]), (indent, parameters)):
            lines = textwrap.wrap(words, width, initial_indent=indent, subsequent_indent=indent)
            lines[:1] = [first + line[len(indent) :] for line in lines[:1]]
            if lines:
                _say("\n".join(lines))
    if not entries:
        _say(f"no {what} yet")


_NARROW = 60


def _show_matrix(what: str, as_json: bool) -> None:
    from harness.planning import matrix
    from harness.planning.catalogue import discover

    if what != "engines":
        remedy = f"Use: {again('list', 'engines', '--matrix')}"
        raise Problem(f"there is no matrix of {what}", "option --matrix", remedy, ExitCode.USAGE)
    columns = matrix.columns(discover())
    if as_json:
        _say(json.dumps([column.entry() for column in columns], indent=2, ensure_ascii=False))
    else:
        _say(matrix.text(columns, _console(sys.stdout).width))


def _export_formats(incomplete: str) -> list[str]:
    """For completion."""
    from reports import exports

    return completion.fitting(exports.discover(), incomplete)


_FORMATS = "pytest-benchmark, github-action-benchmark, bencher, csv, junit or parquet."


@app.command(epilog=epilog("export"), short_help=_SHORT["export"])
def export(
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", autocompletion=_export_formats, help=_FORMATS)],
    run: RunArgument = LATEST,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="Where to write it: a file, or for parquet a folder."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="METRIC", help="Only this metric (`all`: every one); may be repeated."),
    ] = None,
    bracketed: Annotated[
        bool, typer.Option("--bracketed", help="Also figures that stand in brackets, and mark them as such.")
    ] = False,
    _debug: DebugOption = False,
) -> int:
    """Give a run's figures to another tool, times in seconds."""
    from reports import exporting
    from results.result import worst

    source = named_run.path(run)
    result = _result(source)
    try:
        made = exporting.made(
            result, source if source.is_dir() else None, exporting.AskedExport(to, tuple(metric or ()), bracketed)
        )
    except exporting.Refused as error:
        raise Problem(error.what, in_command("export"), error.remedy, ExitCode.USAGE) from error
    for line in made.left_out:
        sys.stderr.write(f"left out: {printable(line)}\n")
    if made.empty:
        # An empty file would be a green light to whoever reads it.
        outcome = worst(result.cases)
        code = ENDS[outcome] if outcome is not None else ExitCode.ENVIRONMENT
        what = "no figure can be exported"
        remedy = "Run it again, or export with --bracketed, or to csv, which says of each figure how far it goes"
        return _tell([Problem(what, str(source), remedy, code or ExitCode.INCONCLUSIVE)])
    if output is None and made.text is None:
        remedy = "Name the folder for them: -o FOLDER"
        raise Problem("this format is several files", "option -o", remedy, ExitCode.USAGE)
    if output is None:
        sys.stdout.write(made.text or "")
        return ExitCode.GOOD
    try:
        exporting.write(made, output)
    except OSError as error:
        raise Problem(f"the export cannot be written: {error.strerror}", str(output), "Choose another -o") from error
    _say(printable(str(output)))
    return ExitCode.GOOD


@app.command(epilog=epilog("doctor"), short_help=_SHORT["doctor"])
def doctor(as_json: JsonOption = False, _debug: DebugOption = False) -> int:
    """Say what can run here, and the command that repairs the rest."""
    from dataclasses import asdict

    from harness.doctor import examine, lines
    from harness.planning.catalogue import discover

    findings = examine(discover().engines)
    if as_json:
        _say(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        _say("\n".join(lines(findings)))
    ready = any(finding.kind == "engine" and finding.state == "ok" for finding in findings)
    return ExitCode.GOOD if ready else ExitCode.ENVIRONMENT


@app.command(epilog=epilog("setup"), short_help=_SHORT["setup"])
def setup(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="ENGINE...", autocompletion=completion.set_up, help="Engines, `kafka` for a broker, or `all`."
        ),
    ],
    _debug: DebugOption = False,
) -> int:
    """Bring the environments and jars of engines now, instead of when they are first needed."""
    from harness.doctor import BROKER, prepare, prepare_broker
    from harness.planning.catalogue import discover
    from harness.planning.suite import InvalidRequest
    from harness.planning.tables import unknown

    found = discover().loaded
    allowed = [*found, BROKER, "all"]
    if wrong := [unknown("engine", name, allowed, in_command("setup")) for name in names if name not in allowed]:
        raise InvalidRequest(wrong)
    wanted = [*found, BROKER] if "all" in names else list(dict.fromkeys(names))
    report = _report()
    problems = []
    if BROKER in wanted:
        try:
            prepare_broker(report)
        except Problem as problem:
            problems.append(problem)
    brought = prepare([found[name] for name in wanted if name != BROKER], False, report)
    problems += [problem for problem in brought.values() if isinstance(problem, Problem)]
    if problems:
        return _tell(problems)
    _say(f"ready: {', '.join(wanted)}")
    return ExitCode.GOOD


def _say(text: str) -> None:
    """Print lines, JSON as well: what is shown by its number there is the same text to who reads it."""
    typer.echo(printable_lines(text))


def _result(path: Path) -> RunResult:
    """The result in a file, or of a folder: as it is stored there, else judged now."""
    from results import result_file, store

    if not path.is_dir():
        return result_file.read(path)
    return store.load(path) if (path / store.RESULT).exists() else _judge(path)


def _beside(source: Path) -> Path:
    """Where the page of a result is written: in its folder."""
    if source.is_dir():
        return source / "report.html"
    return source.with_name(f"{source.name.removesuffix('.xz').removesuffix('.json')}.report.html")


def _conclude(folder: Path, output_format: Format, strict: bool = False) -> int:
    """Judge a run, store and print its result, and say how the command ends."""
    return _show(_judge(folder), folder, output_format, strict)


def _show(result: RunResult, path: Path, output_format: Format, strict: bool) -> int:
    """Print a result, and say how the command ends."""
    from reports import markdown, terminal
    from results.public import document

    match output_format:
        case "json":
            _say(json.dumps(document(result, path), indent=2, ensure_ascii=False))
        case "markdown":
            _say(markdown.page(result, str(path)))
        case "text":
            terminal.render(result, str(path), _console(sys.stdout), again("report", str(path)))
    return _ending(result, path, strict)


def _ending(result: RunResult, path: Path, strict: bool) -> int:
    """The exit code of a command that judged cases: the first of SEVEREST that applies. What decided it is said."""
    from reports.reservations import reservations
    from reports.threshold_text import in_words
    from results.result import worst

    outcome = worst(result.cases)
    codes = {ENDS[outcome] if outcome is not None else ExitCode.ENVIRONMENT}
    where = str(path)
    crossed, undecided = (
        "; ".join(in_words(check) for check in result.thresholds if check.state == state)
        for state in ("crossed", "undecided")
    )
    problems = []
    if crossed:
        remedy = f"All figures: {again('report', where)}"
        problems.append(Problem(f"threshold crossed: {crossed}", where, remedy, ExitCode.REGRESSION))
    if undecided:
        remedy = "See why; where other work was beside it, run again with --wait-quiet 60s"
        problem = Problem(f"threshold not decided: {undecided}", where, remedy, ExitCode.INCONCLUSIVE)
        if strict:
            problems.append(problem)
        else:
            sys.stderr.write(problem.text("warning") + "\n")
    if strict and codes == {ExitCode.GOOD} and not crossed and (found := reservations(result)):
        what = f"figures stand in brackets: {'; '.join(found)}"
        remedy = "Run again on a quiet machine, and wait for it with --wait-quiet 60s"
        problems.append(Problem(what, where, remedy, ExitCode.INCONCLUSIVE))
    if problems:
        _tell(problems)
    codes |= {problem.exit_code for problem in problems}
    return next(code for code in SEVEREST if code in codes)


def _judge(folder: Path) -> RunResult:
    from results import store

    try:
        return store.judge_again(folder)
    except OSError as error:
        what, remedy = f"the result cannot be written: {error.strerror}", "see to its permissions and the disk's space"
        raise Problem(what, str(folder / store.RESULT), remedy) from error


def _command(source: Path, result: RunResult) -> str:
    """What was typed to make a run, where that is known."""
    from results import store
    from workloads.regular_file import read_regular

    command: object = result.provenance.command
    if not command and source.is_dir():
        with suppress(OSError, ValueError, AttributeError):
            command = json.loads(read_regular(source / store.PLAN, source)).get("command")
    return command if isinstance(command, str) and command else again("run", result.suite)


if __name__ == "__main__":
    main()
