"""A program of a user's own as an engine: a job file says how it is started, when it is ready and what it answers.

There is one for each job file that is named, and none by itself: so this package has no `engine`. `processes` has the
running job, `placeholders` what its commands are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engines.output_reading import Decoding, Invocation
from engines.own_job import placeholders
from engines.own_job.description import Command, Description
from engines.own_job.processes import JobProcesses, ObservedJob
from engines.process import Process, tail
from engines.protocol import (
    Claim,
    EngineFailure,
    Guarantee,
    Job,
    LogKind,
    Role,
    Rollback,
    RunningJob,
    Site,
    Support,
)
from workloads.query import Query

BUILD_S = 900.0
"""How long its build may take."""

_SHOWN = 60
"""So many characters of a parameter are shown."""


class OwnJob:
    """Implements `engines.protocol.Engine`, `OnItsOwnTerms`, `RollsBack` and, of `engines.output_reading`,
    `ReadByCommand`.
    """

    modes: Mapping[str, str] = {"default": "as its job file says"}
    logs: tuple[LogKind, ...] = ("kafka",)
    limits: Mapping[str, str] = {}

    def __init__(self, description: Description) -> None:
        self._description = description
        self.name = description.name
        self.version = f"job file {description.sha256[:12]}"
        self.poison = description.poison
        self.roles: tuple[Role, ...] = ("worker", "coordinator") if description.coordinator else ("worker",)
        self.terms = description.terms
        self.environment = description.environment
        self.file, self.sha256 = description.file, description.sha256
        self._built = False

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:  # noqa: ARG002 - it has one mode
        own = self._description
        if query != own.query:
            # A parameter may be a whole file of SQL.
            given = ", ".join(f"{name}={repr(value)[:_SHOWN]}" for name, value in own.terms.parameters.items())
            return Support(
                "unsupported", f"its job file says that it answers {own.terms.workload}{f' with {given}' * bool(given)}"
            )
        if guarantee != own.terms.guarantee:
            return Support("unsupported", f"its job file claims {own.terms.guarantee}, and it runs in no other way")
        return Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002 - it claims one thing
        return self._description.claim

    def rollback(self, query: Query, mode: str) -> Rollback | None:  # noqa: ARG002 - of its one query
        """A worker's partitions where it is told which these are; all of the job where it has one worker."""
        progress = self._description.progress
        if progress is None:
            return None
        if progress.client is not None:
            return "worker"
        return "job" if self.terms.workers == 1 else None

    def row_command(self, job: Job, site: Site) -> Invocation | None:
        return self._invocation(self._description.output.rows, job, site)

    def decoding(self, job: Job, site: Site) -> Decoding | None:
        told = self._description.output
        decoder = self._invocation(told.decoder, job, site)
        return None if decoder is None else Decoding(decoder, told.prefixed)

    def _invocation(self, told: Command | None, job: Job, site: Site) -> Invocation | None:
        if told is None:
            return None
        made = placeholders.command(told, placeholders.of_machine(site, self.file) | placeholders.of_job(job))
        return Invocation(made.words, made.env, str(self._description.folder))

    def open(self, site: Site) -> JobCluster:
        """Raises EngineFailure if its build fails."""
        placeholders.built(site, self.file).mkdir(parents=True, exist_ok=True)
        if self._description.build is not None and not self._built:
            self._build(site)
            self._built = True
        return JobCluster(self._description, site)

    def _build(self, site: Site) -> None:
        told = self._description.build
        assert told is not None, "asked for by who calls"  # noqa: S101
        made = placeholders.command(told, placeholders.of_machine(site, self.file))
        name = f"{self.name}-build"
        process = Process(name, made.words, site.logs / f"{name}.log", made.env, self._description.folder)
        try:
            _finished(process)
        finally:
            process.kill()


def _finished(build: Process) -> None:
    """Wait until a build has ended. Raises EngineFailure if it fails, or does not end."""
    code = build.wait(BUILD_S)
    if code is None:
        raise EngineFailure(f"{build.name} did not end within {BUILD_S:g} s; {_last(build.log)}", str(build.log))
    if code != 0:
        what = f"{build.name} ended with exit code {code}; {_last(build.log)}"
        raise EngineFailure(what, str(build.log), "run the command `build` of the job file by hand, in its folder")


def _last(log: Path) -> str:
    return f"its last lines:\n{tail(log)}"


class JobCluster:
    """There is no cluster: the processes of the job file are the job's only ones."""

    def __init__(self, description: Description, site: Site) -> None:
        self._description, self._site = description, site
        self._submitted: list[JobProcesses] = []

    def submit(self, job: Job) -> RunningJob:
        told = self._description
        kind = JobProcesses if told.progress is None else ObservedJob
        running = kind(told, self._site, job)
        self._submitted.append(running)
        running.start()
        return running

    def close(self) -> None:
        for running in self._submitted:
            running.stop()
