"""What the built-in engines show to the harness: `engines.protocol` over the supervisor's process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engines.process import Process
from engines.protocol import (
    Claim,
    Counter,
    EngineFailure,
    Environment,
    Guarantee,
    Job,
    LogKind,
    Poison,
    Role,
    Running,
    Site,
    Support,
)
from engines.runtime.counters import counters
from engines.runtime.deployment import Deployment
from engines.runtime.supervisor import ALL_READY
from workloads.query import Query

MODE = "default"


def _version() -> str:
    try:
        return version("streamgauge")
    except PackageNotFoundError:
        return "from source"


class BuiltinEngine:
    """An engine whose package has a module `worker`, run with a deployment file and a slot."""

    logs: tuple[LogKind, ...] = ("kafka", "embedded")
    environment = Environment()
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}

    def __init__(self, package: str, about: str) -> None:
        """package: the engine's package, after which it is called. about: the line about its only mode."""
        self.name = package.rpartition(".")[2].replace("_", "-")
        self.version = _version()
        self.modes: Mapping[str, str] = {MODE: about}
        self._worker = f"{package}.worker"

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:  # noqa: ARG002
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there is {MODE}")
        return Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002
        notes: dict[Guarantee, str] = {
            "exactly-once": "state, offsets and rows are committed together",
            "at-least-once": "state and offsets are committed together; rows that left before it may come again",
            "at-most-once": "state and offsets are committed together, before their rows leave",
        }
        return Claim("exactly-once", guarantee, notes[guarantee])

    def open(self, site: Site) -> BuiltinCluster:
        return BuiltinCluster(self.name, self._worker, site)


class BuiltinCluster:
    """There is no cluster: each job has processes of its own."""

    def __init__(self, name: str, worker: str, site: Site) -> None:
        self._name, self._worker, self._site = name, worker, site
        self._jobs: list[SupervisedJob] = []

    def submit(self, job: Job) -> Running:
        deployment = Deployment(job, self._worker, self._site.python, self._site.logs)
        running = SupervisedJob(deployment, self._name, self._site.root)
        self._jobs.append(running)
        return running

    def close(self) -> None:
        for job in self._jobs:
            job.stop()


class SupervisedJob:
    def __init__(self, deployment: Deployment, engine: str, root: Path) -> None:
        job = deployment.job
        job.directory.mkdir(parents=True, exist_ok=True)
        deployment.roster.unlink(missing_ok=True)
        deployment.save()
        self._roster, self._directory = deployment.roster, job.directory
        self._stopped = False
        self.settings: Mapping[str, str] = {
            "interval": f"{job.interval_ms} ms",
            "workers": str(len(deployment.slots)),
            "RLIMIT_DATA": f"{job.memory_mb} MiB",
        } | _log_settings(job)
        self._process = Process(
            f"{engine}'s supervisor",
            # -P: the folder that it is started in is no place to import from.
            [deployment.python, "-P", "-m", "engines.runtime.supervisor", deployment.file],
            deployment.logs / f"{job.name}-supervisor.log",
            env={"PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"},
        )

    def wait_ready(self, timeout_s: float) -> None:
        # With the pid, because a restarted job goes on in the same log.
        pattern = rf"{ALL_READY} \(supervisor {self._process.pid}\)"
        self._process.wait_for_line(pattern, timeout_s, "while the workers started")

    def processes(self) -> Mapping[Role, list[int]]:
        if self._process.exit_code is not None:
            return {"coordinator": [], "worker": []}
        try:
            workers: list[int] = json.loads(self._roster.read_text())
        except FileNotFoundError:
            workers = []
        return {"coordinator": [self._process.pid], "worker": workers}

    def failure(self) -> EngineFailure | None:
        return None if self._stopped else self._process.died("while the job ran")

    def counters(self) -> Mapping[Counter, int]:
        return counters(self._directory)

    def stop(self) -> None:
        self._stopped = True
        self._process.stop()


def _log_settings(job: Job) -> dict[str, str]:
    if job.input.log == "embedded":
        return {}
    from engines.runtime.kafka import settings

    return settings(job)
