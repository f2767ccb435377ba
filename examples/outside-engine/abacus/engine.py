"""What Streamgauge sees of the engine: what it can answer, what it claims, and a job's one process through its life."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from abacus.job import JobSpec, ready_line
from abacus.ledger import CommitReader
from abacus.operator import lacking
from engines.logs.embedded import EmbeddedLog
from engines.logs.offsets import CommittedOffsets
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
    Progress,
    Role,
    RunningJob,
    Site,
    Support,
    Topic,
)
from workloads.query import Query

HERE = Path(__file__).parent


class Abacus:
    """Implements `engines.protocol.Engine`."""

    name = "abacus"
    version = version("streamgauge-abacus")
    modes: Mapping[str, str] = {"default": "one process for all partitions, an event at a time; commits every interval"}
    logs: tuple[LogKind, ...] = ("embedded",)
    environment = Environment(requirements=HERE / "requirements.txt", packages=(HERE,))
    roles: tuple[Role, ...] = ("worker",)
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there is {', '.join(self.modes)}")
        if guarantee != "exactly-once":
            return Support("unsupported", "commits state, offsets and rows together, and has no weaker guarantee")
        lack = lacking(query)
        return Support("unsupported", lack) if lack else Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002 - there is one of each
        return Claim("exactly-once", "exactly-once", "state, offsets and rows are committed in one transaction")

    def open(self, site: Site) -> AbacusCluster:
        return AbacusCluster(site)


class AbacusCluster:
    """There is no cluster: each job has a process of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._jobs: list[AbacusJob] = []

    def submit(self, job: Job) -> RunningJob:
        running = AbacusJob(job, self._site)
        self._jobs.append(running)
        return running

    def close(self) -> None:
        for job in self._jobs:
            job.stop()


class AbacusJob:
    """Implements `engines.protocol.RunningJob`, `Observable` and `Revivable`."""

    def __init__(self, job: Job, site: Site) -> None:
        job.directory.mkdir(parents=True, exist_ok=True)
        spec, file = _spec(job), job.directory / "job.json"
        file.write_text(json.dumps(spec, indent=1))
        self._name, self._output = job.name, Path(spec["output"])
        self._offsets = CommittedOffsets(lambda: CommitReader(self._output, job.name))
        self._stopped = False
        self.settings: Mapping[str, str] = {
            "interval": f"{job.interval_ms} ms",
            "processes": "1, whatever the parallelism asked",
            "RLIMIT_DATA": f"{job.memory_mb} MiB",
        }
        self._process = Process(
            "abacus",
            [site.python, "-P", "-m", "abacus.job", file],
            site.logs / f"{job.name}.log",
            # Our own package is there too, as `environment` names it.
            env={"PYTHONPATH": str(site.root)},
        )

    def wait_ready(self, timeout_s: float) -> None:
        # By its pid: the log of a process that was started again has the line of the one before.
        self._process.wait_for_line(f"^{ready_line(self._process.pid)}$", timeout_s, "while it started")

    def processes(self) -> Mapping[Role, list[int]]:
        return {"worker": [self._process.pid] if self._process.exit_code is None else []}

    def failure(self) -> EngineFailure | None:
        return None if self._stopped else self._process.died("while the job ran")

    def progress(self) -> Progress:
        """Commits and inputs are both the sum of the committed offsets."""
        total = self._offsets.total()
        return Progress(commits=total or 0, inputs=total)

    def revive(self) -> list[str]:
        if self._stopped:
            raise EngineFailure("a stopped job cannot be revived", remedy="submit it again")
        if self._process.exit_code is None:
            return []
        self._process = self._process.again()
        return [self._process.name]

    def counters(self) -> Mapping[Counter, int]:
        """As of the last commit."""
        reader = CommitReader(self._output, self._name)
        try:
            states = reader.states()
        finally:
            reader.close()
        return {"late": sum(state["late"] for state in states), "broken": sum(state["broken"] for state in states)}

    def stop(self) -> None:
        self._stopped = True
        self._process.stop()
        self._offsets.close()


def _spec(job: Job) -> JobSpec:
    return {
        "name": job.name,
        "query": job.query.to_json(),
        "input": str(_file(job.input)),
        "output": str(_file(job.output)),
        "partitions": job.input.partitions,
        "interval_ms": job.interval_ms,
        "memory_mb": job.memory_mb,
    }


def _file(topic: Topic) -> Path:
    return EmbeddedLog(Path(topic.address)).path(topic.name)


engine = Abacus()
