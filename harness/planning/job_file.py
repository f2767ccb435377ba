"""Job files: a program of a user's own, told by the commands that start it. Read strictly, as suites are.

A job file holds commands. So nothing but the option --job names one: no suite does, and no run that is stored.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from engines.own_job import OwnJob
from engines.own_job.description import Command, Description, Progress, Ready, Stop
from engines.protocol import Claim, Guarantee, IdPlace, Poison, Terms
from harness.planning import job_needs, quantity
from harness.planning.catalogue import Catalogue
from harness.planning.suite import MOST_WORKERS, InvalidRequest, parameter
from harness.planning.tables import Table, unknown
from harness.planning.toml_source import Places, explained, read
from harness.problem import ExitCode, Problem
from workloads.discovery import Unavailable
from workloads.query import Query
from workloads.workload import Parameters, Unfit

TEMPLATE = Path(__file__).with_name("job.toml")
"""A job file with a comment at each key: what `job new` writes."""

EACH_ONCE = "each-once"
"""The workload that an answer `each_once` is of."""

_MOST_WORDS = 1_000
_MOST_NAME = 40

Seconds = Annotated[float, BeforeValidator(quantity.seconds)]
Size = Annotated[int, BeforeValidator(quantity.size)]


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a character that no word of a command can have (NUL)")
    return text


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", name):
        raise ValueError("no variable can be called so: allowed are letters, digits and _, and no digit first")
    return name


def _place(told: str) -> str:
    if not re.fullmatch(r"key|(header|value):.{1,200}", told):
        raise ValueError('says where the id is: "header:NAME", "value:FIELD" or "key"')
    return told


Text = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_no_nul)]
Value = Annotated[str, Field(max_length=100_000), AfterValidator(_no_nul)]
Variable = Annotated[str, AfterValidator(_variable)]


def _listed(value: Any) -> Any:
    """Raises ValueError for a command that is one text."""
    if isinstance(value, str):
        raise ValueError('a command is a list of words, since no shell reads it: ["java", "-jar", "mine.jar"]')
    return value


Words = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1, max_length=_MOST_WORDS)]


class CommandTable(Table):
    """A program that runs as long as the job does."""

    command: Words
    """The program and its words; no shell reads them."""
    env: dict[Variable, Value] = Field(default={}, max_length=_MOST_WORDS)
    """Variables beside those of the command `streamgauge`."""


class WorkerTable(CommandTable):
    """What each worker is."""

    count: Annotated[int, Field(strict=True, ge=1, le=MOST_WORKERS)] | None = None
    """How many there are; as many as the suite's `parallelism` where nothing is given."""


class ClaimsTable(Table):
    """What the program promises."""

    processing: Guarantee
    """How often each event takes effect."""
    delivery: Guarantee
    """How often each row reaches the output."""


class ReadyTable(Table):
    """By what it is told that the program is ready: one of these, or several. Then an event must be answered."""

    group: Text | None = None
    """A consumer group, whose members have all partitions of the input."""
    line: Text | None = None
    """A text that each worker prints in a line."""
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    """A port of 127.0.0.1 that takes connections."""

    @model_validator(mode="after")
    def _says_something(self) -> ReadyTable:
        if self.group is None and self.line is None and self.port is None:
            raise ValueError("one of `group`, `line` and `port` must be there")
        return self


class ProgressTable(Table):
    """By what it is told how far the program has committed."""

    group: Text | None = None
    """A consumer group that commits its offsets of the input."""
    client: Text | None = None
    """Beside `group`: the client.id of each worker's consumer, such as "{job}-{slot}"; so it is told which worker has
    which partitions."""
    command: Words | None = None
    """A command that prints `COMMITS INPUTS`: how often the program has committed, and how many input records."""

    @model_validator(mode="after")
    def _is_one(self) -> ProgressTable:
        if (self.group is None) == (self.command is None):
            raise ValueError("one of `group` and `command` must be there, and not both")
        if self.client is not None and self.group is None:
            raise ValueError("`client` stands beside `group`")
        return self


class StopTable(Table):
    """How the program is ended in good order. What is still there after `timeout` is killed."""

    command: Words | None = None
    """What is run first."""
    signal: Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"] = "SIGTERM"
    """What all its processes are sent then."""
    timeout: Seconds = Field(default=20.0, gt=0, le=600)
    """How long they get."""


class AnswerTable(Table):
    """What a right answer is: one of these."""

    workload: Text | None = None
    """The name of a workload: its rows, as JSON objects."""
    parameters: dict[str, Any] = Field(default={})
    """Beside `workload`: parameters that the answer rests on, such as the length of a window."""
    each_once: Annotated[str, AfterValidator(_place)] | None = None
    """Each event once: where a record of the output has its id, as "header:NAME", "value:FIELD" or "key"."""
    in_order: Annotated[bool, Field(strict=True)] = False
    """Beside `each_once`: whether the records of a key are in the order of its events, in one partition."""

    @model_validator(mode="after")
    def _is_one(self) -> AnswerTable:
        if (self.workload is None) == (self.each_once is None):
            raise ValueError("one of `workload` and `each_once` must be there, and not both")
        if self.parameters and self.workload is None:
            raise ValueError("`parameters` stand beside `workload`")
        if self.in_order and self.each_once is None:
            raise ValueError("`in_order` stands beside `each_once`")
        return self

    @property
    def id_place(self) -> IdPlace | None:
        if self.each_once is None:
            return None
        kind, _, name = self.each_once.partition(":")
        return IdPlace(kind, name)  # type: ignore[arg-type]  # the pattern has no other


class JobTable(Table):
    """What holds for the program as a whole."""

    name: Annotated[str, Field(max_length=_MOST_NAME)] | None = None
    """How it is called in results; the file's name without its ending where nothing is given."""
    claims: ClaimsTable
    """What it promises: what it is judged by."""
    answer: AnswerTable
    """What a right answer is."""
    ready: ReadyTable
    """When it is ready."""
    progress: ProgressTable | None = None
    """How far it is; where nothing is given, strikes fall by time and its guarantee stays untested."""
    requirements: Text | None = None
    """The lock of a Python environment of its own, beside the file: what `uv pip compile --generate-hashes` writes."""
    build: Words | None = None
    """What makes the program, in the folder of the file, before its first start."""
    stop: StopTable = StopTable()
    """How it is ended in good order."""
    interval: Annotated[Seconds, Field(ge=0.001)] | None = None
    """How often it commits; as the suite says where nothing is given, which {interval_ms} tells it."""
    memory: Annotated[Size, Field(ge=1024**2)] | None = None
    """What each worker is given; as the suite says where nothing is given, which {memory_mb} tells it."""
    poison: Poison = "skipped"
    """What it does with a record that is no event: it skips it, or it ends."""


class JobFile(Table):
    """A job file."""

    schema_version: Literal[1]
    """Version of the form of job files."""
    worker: WorkerTable
    """Its worker processes."""
    coordinator: CommandTable | None = None
    """One process beside them; None for none."""
    job: JobTable
    """What holds for the program as a whole."""


def load(file: Path, catalogue: Catalogue) -> OwnJob:
    """The engine that a job file describes. Raises Problem, or InvalidRequest with all that is wrong."""
    if file.exists() and not file.is_file():
        # A pipe would be waited for without end.
        raise Problem("this is no regular file", str(file), "Name a job file", ExitCode.USAGE)
    text, content = read(file, "job file", "what `streamgauge job new` writes")
    places = Places(file, text)
    try:
        told = JobFile.model_validate(content)
    except ValidationError as error:
        raise InvalidRequest(explained(error, JobFile, places)) from None
    name = told.job.name if told.job.name is not None else file.stem
    problems = [*_misnamed(name, catalogue, places), *job_needs.unmet(told, file.parent, places)]
    problems += _unanswerable(told.job.answer, catalogue, places)
    if problems:
        raise InvalidRequest(problems)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return OwnJob(_description(told, name, file.resolve(), digest, catalogue))


def _misnamed(name: str, catalogue: Catalogue, places: Places) -> Iterator[Problem]:
    where = places.of(("job", "name"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) or len(name) > _MOST_NAME:
        what = f"a job cannot be called {quantity.said(name)}: topics and folders have its name"
        remedy = f'Give `name` at most {_MOST_NAME} small letters, digits and -, such as `name = "my-job"`'
        yield Problem(what, where, remedy, ExitCode.USAGE)
    elif name in catalogue.engines:
        taken = f"an engine is called {name} already"
        yield Problem(taken, where, f"Choose another `name` than {', '.join(catalogue.engines)}", ExitCode.USAGE)


def _unanswerable(answer: AnswerTable, catalogue: Catalogue, places: Places) -> Iterator[Problem]:
    """An answer of a workload that does not exist, or with parameters that it does not have."""
    name, where = answer.workload, places.of(("job", "answer"))
    if name is None:
        return
    workload = catalogue.workloads.get(name)
    if workload is None:
        yield unknown("workload", name, catalogue.workloads, where)
    elif isinstance(workload, Unavailable):
        yield Problem(f"workload {name} cannot be loaded: {workload.why}", where, "Name another", ExitCode.USAGE)
    else:
        wrong = False
        for key, value in answer.parameters.items():
            if key not in workload.defaults:
                wrong = True
                yield unknown(f"parameter of {name}", key, workload.defaults, where)
                continue
            try:
                parameter(workload, key, value)
            except ValueError as error:
                wrong = True
                remedy = f"Its default is {workload.defaults[key]!r}"
                yield Problem(f"`{key}`: {error}", where, remedy, ExitCode.USAGE)
        if not wrong:
            yield from _unfit(answer, catalogue, where)


def _unfit(answer: AnswerTable, catalogue: Catalogue, where: str) -> Iterator[Problem]:
    try:
        _query(answer, catalogue)
    except Unfit as unfit:
        yield Problem(unfit.what, where, unfit.remedy, ExitCode.USAGE)
    except (ValueError, ArithmeticError) as error:
        yield Problem(f"its parameters do not fit: {error}", where, "Correct them", ExitCode.USAGE)


def _answered(answer: AnswerTable, catalogue: Catalogue) -> tuple[str, Parameters]:
    """The workload that is answered, and those of its parameters that the answer rests on."""
    if answer.workload is None:
        return EACH_ONCE, {"order": "key" if answer.in_order else "none"}
    workload = catalogue.workloads[answer.workload]
    assert not isinstance(workload, Unavailable), "refused before"  # noqa: S101
    own = {key: parameter(workload, key, value) for key, value in answer.parameters.items()}
    return answer.workload, {**workload.defaults, **own}


def _query(answer: AnswerTable, catalogue: Catalogue) -> Query:
    name, own = _answered(answer, catalogue)
    workload = catalogue.workloads[name]
    assert not isinstance(workload, Unavailable), "refused before, or ours"  # noqa: S101
    return workload.query({**workload.defaults, **own})


_STRENGTH: Sequence[Guarantee] = get_args(Guarantee)
"""Guarantees, the weakest first."""


def _description(told: JobFile, name: str, file: Path, sha256: str, catalogue: Catalogue) -> Description:
    job = told.job
    claims = job.claims
    answered, parameters = _answered(job.answer, catalogue)
    return Description(
        name=name,
        file=file,
        sha256=sha256,
        worker=_command(told.worker),
        coordinator=None if told.coordinator is None else _command(told.coordinator),
        build=_bare(job.build),
        ready=Ready(job.ready.group, job.ready.line, job.ready.port),
        progress=None
        if job.progress is None
        else Progress(job.progress.group, job.progress.client, _bare(job.progress.command)),
        stop=Stop(_bare(job.stop.command), signal.Signals[job.stop.signal], job.stop.timeout),
        claim=Claim(claims.processing, claims.delivery),
        poison=job.poison,
        query=_query(job.answer, catalogue),
        terms=Terms(
            workload=answered,
            parameters=parameters,
            guarantee=min(claims.processing, claims.delivery, key=_STRENGTH.index),
            workers=told.worker.count,
            interval_ms=None if job.interval is None else round(job.interval * 1000),
            memory_mb=None if job.memory is None else job.memory // 1024**2,
            id_place=job.answer.id_place,
            tells_progress=job.progress is not None,
        ),
        environment=job_needs.environment(told, file.parent),
    )


def _command(table: CommandTable) -> Command:
    return Command(table.command, table.env)


def _bare(words: Sequence[str] | None) -> Command | None:
    return None if words is None else Command(tuple(words))


def terms_given(terms: Terms) -> Mapping[str, str]:
    """The parameters that a job's answer rests on, as --set writes them: by dotted key."""
    return {
        f"workload.{terms.workload}.{name}": json.dumps(value) if isinstance(value, str) else str(value)
        for name, value in terms.parameters.items()
    }
