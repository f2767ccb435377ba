"""What the built-in engines show to the harness: `engines.protocol` over the supervisor's process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engines import proc
from engines.configuration import NO_OPTIONS, Layout, Options, Setting, Settings, SettingsByName, Store, values
from engines.logs.offsets import CommittedOffsets, OffsetReader, of_group
from engines.process import Process, tail
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
    Rollback,
    RunningJob,
    Site,
    Slot,
    Support,
)
from engines.runtime.counters import counters
from engines.runtime.job_spec import JobSpec, slots
from engines.runtime.supervisor import all_ready
from workloads.query import Query

MODE = "default"
_LEAST_MB = 64
"""The interpreter and its libraries, before there is any state."""
_POLL_S = 0.02


def _version() -> str:
    try:
        return version("streamgauge")
    except PackageNotFoundError:
        return "from source"


class BuiltinEngine:
    """An engine whose package has a module `worker`, run with a spec file and a slot."""

    logs: tuple[LogKind, ...] = ("kafka", "embedded")
    environment = Environment()
    roles: tuple[Role, ...] = ("worker", "coordinator")
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}
    settings: tuple[Settings, ...] = ("plain",)
    layouts: tuple[Layout, ...] = ("process-per-task",)
    has_interval = False
    least_memory_mb = _LEAST_MB

    def __init__(self, package: str, about: str, store: Store) -> None:
        """package: the engine's package, after which it is called. about: the line about its only mode. store: where
        the state is in it.
        """
        self.stores: Mapping[str, Store] = {MODE: store}
        self.name = package.rpartition(".")[2].replace("_", "-")
        self.version = _version()
        self.modes: Mapping[str, str] = {MODE: about}
        self._worker = f"{package}.worker"

    def options(self, mode: str) -> Options:  # noqa: ARG002
        return NO_OPTIONS

    def reported(self, job: Job) -> SettingsByName:
        return reported(job)

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

    def rollback(self, query: Query, mode: str) -> Rollback:  # noqa: ARG002
        """A worker that dies is started again by itself; the others go on."""
        return "worker"

    def open(self, site: Site) -> BuiltinCluster:
        return BuiltinCluster(self.name, self._worker, site)


class BuiltinCluster:
    """There is no cluster: each job has processes of its own."""

    def __init__(self, name: str, worker: str, site: Site) -> None:
        self._name, self._worker, self._site = name, worker, site
        self._jobs: list[SupervisedJob] = []

    def submit(self, job: Job) -> RunningJob:
        spec = JobSpec(job, self._worker, self._site.python, self._site.logs)
        running = SupervisedJob(spec, self._name, self._site.root)
        self._jobs.append(running)
        return running

    def plan(self, job: Job, timeout_s: float) -> str:  # noqa: ARG002
        """There is none but the operator for the query's shape."""
        about = "a query of this shape over one partition a task, its rows and its state committed together"
        shape = type(job.query.shape).__name__.lower()
        return f"{self._worker}: {shape}, {about}\n{json.dumps(json.loads(job.query.to_json()), indent=1)}"

    def close(self) -> None:
        for job in self._jobs:
            job.stop()


class SupervisedJob:
    """Implements `engines.protocol.RunningJob`, `Observable`, `Slotted` and `Revivable`."""

    def __init__(self, spec: JobSpec, engine: str, root: Path) -> None:
        job = spec.job
        job.directory.mkdir(parents=True, exist_ok=True)
        spec.roster.unlink(missing_ok=True)
        spec.save()
        self._spec, self._directory = spec, job.directory
        self._slots = len(spec.slots)
        self._offsets = _committed(job)
        self._stopped = False
        self._changing = threading.Lock()
        self.settings: Mapping[str, str] = values(reported(job))
        self._process = Process(
            f"{engine}'s supervisor",
            # -P: the folder that it is started in is no place to import from.
            [spec.python, "-P", "-m", "engines.runtime.supervisor", spec.file],
            spec.logs / f"{job.name}-supervisor.log",
            env={"PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"},
        )

    def wait_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        process, when = self._process, "while the workers started"
        while True:
            dead = process.died(when)
            if dead:
                raise dead
            workers = self._running_workers()
            if len(workers) == self._slots and self._said(all_ready(process.pid, workers)):
                return
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{len(workers)} of {self._slots} workers ran and not all were ready within {timeout_s:g} s; "
                    f"last lines of {process.name}:\n{tail(process.log)}",
                    str(process.log),
                    "see each worker's log beside it",
                )
            time.sleep(_POLL_S)

    def _said(self, line: str) -> bool:
        return f"{line}\n" in self._process.log.read_text(errors="replace")

    def processes(self) -> Mapping[Role, list[int]]:
        process = self._process
        if process.exit_code is not None:
            return {"coordinator": [], "worker": []}
        return {"coordinator": [process.pid], "worker": self._workers()}

    def _workers(self) -> list[int]:
        """Pids of the workers as the supervisor, which may be dead, last wrote them down."""
        return [pid for pid in self._by_slot() if pid is not None]

    def _by_slot(self) -> list[int | None]:
        """The same, None for a slot without a process."""
        try:
            workers: list[int | None] = json.loads(self._spec.roster.read_text())
        except FileNotFoundError:
            return []
        return workers

    def slots(self) -> list[Slot]:
        """The partitions of a slot are the same whichever process is in it."""
        workers = self._by_slot() or [None] * len(self._spec.slots)
        return [Slot(pid, frozenset(self._spec.tasks(slot))) for slot, pid in enumerate(workers)]

    def _running_workers(self) -> list[int]:
        """Those of them that run: one that has just died may still be on the roster."""
        return [pid for pid in self._workers() if proc.runs(pid)]

    def failure(self) -> EngineFailure | None:
        return None if self._stopped else self._process.died("while the job ran")

    def progress(self) -> Progress:
        """Commits and inputs are both the sum of the tasks' committed input offsets, on Kafka with the markers of
        transactions in the input. While a broker does not answer they stay as they were. The state is what the
        supervisor knows of its workers, with their pids: so it changes, however soon a dead one is replaced.
        """
        positions = self._offsets.positions()
        total = None if positions is None else sum(positions.values())
        workers = self._workers()
        state = f"{len(workers)} of {self._slots} workers run: {' '.join(map(str, workers))}" if workers else ""
        return Progress(commits=total or 0, inputs=total, state=state, positions=positions)

    def revive(self) -> list[str]:
        """Dead workers are started again by the supervisor; a dead supervisor is by this, once its workers are gone."""
        with self._changing:
            if self._stopped:
                raise EngineFailure("a stopped job cannot be revived", remedy="submit it again")
            if self._process.exit_code is None:
                return []
            # They end by themselves, but for one that is paused; two generations at once would fence each other.
            self._process.kill()
            self._process.wait_for_descendants(self._running_workers)
            self._spec.roster.unlink(missing_ok=True)
            self._process = self._process.again()
            return [self._process.name]

    def counters(self) -> Mapping[Counter, int]:
        return counters(self._directory)

    def stop(self) -> None:
        self._stopped = True
        with self._changing:
            self._process.stop()
        self._offsets.close()


def reported(job: Job) -> dict[str, Setting]:
    """What the job is told, and of its Kafka clients every setting that differs from librdkafka's."""
    return {
        "interval": Setting(f"{job.interval_ms} ms", "asked", "the interval"),
        "workers": Setting(str(len(slots(job))), "asked", "the parallelism, at most one a partition"),
        "RLIMIT_DATA": Setting(f"{job.process_memory_mb} MiB", "asked", "the limit of a worker process"),
    } | _log_settings(job)


def _committed(job: Job) -> CommittedOffsets:
    if job.input.log == "kafka":
        return of_group(job.input, job.name)

    def connect() -> OffsetReader:
        # Imported here because only one of the two logs need be loaded.
        from engines.runtime.embedded import CheckpointOffsets

        return CheckpointOffsets(job)

    return CommittedOffsets(connect)


def _log_settings(job: Job) -> dict[str, Setting]:
    if job.input.log == "embedded":
        return {}
    from engines.runtime.kafka import settings

    return settings(job)
