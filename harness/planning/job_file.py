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
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from engines.own_job import OwnJob
from engines.own_job.description import Command, Description, Output, Progress, Ready, Stop
from engines.protocol import Claim, Guarantee, Poison, Terms
from harness.planning import job_needs, quantity
from harness.planning.catalogue import Catalogue
from harness.planning.command_table import CommandTable, Text, Words
from harness.planning.job_answer import AnswerTable, ClosingTable, JobAnswer, answered
from harness.planning.output_table import OutputTable, unreadable
from harness.planning.suite import MOST_WORKERS, InvalidRequest
from harness.planning.tables import Table
from harness.planning.toml_source import Places, explained, read
from harness.problem import ExitCode, Problem

TEMPLATE = Path(__file__).with_name("job.toml")
"""A job file with a comment at each key: what `job new` writes."""

_MOST_NAME = 40

Seconds = Annotated[float, BeforeValidator(quantity.seconds)]
Size = Annotated[int, BeforeValidator(quantity.size)]


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
    output: OutputTable | None = None
    """How its output is read; None for a topic of JSON records."""
    job: JobTable
    """What holds for the program as a whole."""
    closing: ClosingTable | None = None
    """How closing events look, where the answer is SQL; None where that is not known."""


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
    if told.output is not None:
        problems += unreadable(told.output, told.job.answer.each_once, told.job.answer.in_order, places)
    found = answered(told.job.answer, told.closing, file.resolve().parent, catalogue, places)
    if not isinstance(found, JobAnswer):
        raise InvalidRequest([*problems, *found])
    if problems:
        raise InvalidRequest(problems)
    # What SQL there is beside it is a part of what is asked.
    digest = hashlib.sha256("\0".join([text, *([found.sql] if found.sql else [])]).encode()).hexdigest()
    return OwnJob(_description(told, name, file.resolve(), digest, found))


def _misnamed(name: str, catalogue: Catalogue, places: Places) -> Iterator[Problem]:
    where = places.of(("job", "name"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) or len(name) > _MOST_NAME:
        what = f"a job cannot be called {quantity.said(name)}: topics and folders have its name"
        remedy = f'Give `name` at most {_MOST_NAME} small letters, digits and -, such as `name = "my-job"`'
        yield Problem(what, where, remedy, ExitCode.USAGE)
    elif name in catalogue.engines:
        taken = f"an engine is called {name} already"
        yield Problem(taken, where, f"Choose another `name` than {', '.join(catalogue.engines)}", ExitCode.USAGE)


_STRENGTH: Sequence[Guarantee] = get_args(Guarantee)
"""Guarantees, the weakest first."""


def _description(told: JobFile, name: str, file: Path, sha256: str, answer: JobAnswer) -> Description:
    job = told.job
    claims = job.claims
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
        claim=Claim(claims.processing, claims.delivery, emits=job.answer.emits),
        poison=job.poison,
        output=Output() if told.output is None else told.output.described,
        query=answer.query,
        terms=Terms(
            workload=answer.workload,
            parameters=answer.parameters,
            guarantee=min(claims.processing, claims.delivery, key=_STRENGTH.index),
            workers=told.worker.count,
            interval_ms=None if job.interval is None else round(job.interval * 1000),
            memory_mb=None if job.memory is None else job.memory // 1024**2,
            id_place=job.answer.id_place,
            tells_progress=job.progress is not None,
            polled=told.output is not None and told.output.command is not None,
        ),
        environment=job_needs.environment(told, file.parent),
    )


def _command(table: CommandTable) -> Command:
    return Command(table.command, table.env)


def _bare(words: Sequence[str] | None) -> Command | None:
    return None if words is None else Command(tuple(words))


def terms_given(terms: Terms) -> Mapping[str, str]:
    """The parameters that a job's answer rests on, as --set writes them: by dotted key."""
    return {f"workload.{terms.workload}.{name}": _written(value) for name, value in terms.parameters.items()}


def _written(value: int | float | str) -> str:
    """A value as TOML has it. JSON's own escapes of what is beyond ASCII are none of TOML's."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
