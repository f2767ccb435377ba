"""A job under test through its life: submitted, seen, broken by faults, started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from engines.configuration import Configurable
from engines.protocol import (
    Cluster,
    Counter,
    Engine,
    EngineFailure,
    Job,
    Observable,
    Placed,
    Progress,
    Revivable,
    Role,
    Rollback,
    RollsBack,
    RunningJob,
    Site,
    Slot,
    Slotted,
)
from engines.slots import filled
from harness.failure import TrialFailure

_REVIVALS = 3
_LOOK_S = 0.01


class Deployment:
    """One job of one engine. Safe to use from the trial's thread and from the one that strikes."""

    def __init__(self, engine: Engine, site: Site, job: Job, ready_s: float) -> None:
        """ready_s: how long the job may take to be ready, each time that it is submitted."""
        self._engine, self._site, self._job, self._ready_s = engine, site, job, ready_s
        self._cluster: Cluster | None = None
        self._running: RunningJob | None = None
        self._lock = threading.Lock()
        self._under_fault = False
        self._commits = 0
        self._observable = True
        self._by_slot: list[int | None] = []

    def start(self, submitted: Callable[[], None] = lambda: None) -> float:
        """Submit the job and wait until it is ready; seconds that took. Raises EngineFailure.

        submitted: called in between: some processes are named only while the job starts.
        """
        self._cluster = self._engine.open(self._site)
        began_s = time.monotonic()
        self._submit(self._job, submitted)
        return time.monotonic() - began_s

    def close(self) -> None:
        """End the job and its cluster. May be called twice."""
        if self._running is not None:
            self._running.stop()
        if self._cluster is not None:
            self._cluster.close()

    @property
    def settings(self) -> Mapping[str, str]:
        return self._now().settings

    @property
    def reasons(self) -> dict[str, str]:
        """Why settings are not left at their defaults, by name; empty where the engine does not tell."""
        engine = self._engine
        told = engine.reported(self._job) if isinstance(engine, Configurable) else {}
        return {name: setting.because for name, setting in told.items()}

    @property
    def parallelism(self) -> int:
        return self._job.parallelism

    def processes(self) -> Mapping[Role, list[int]]:
        return self._now().processes()

    def occupied(self) -> list[int]:
        """Pids of the workers that have a part of the job; of all where the engine cannot tell."""
        running = self._now()
        workers = running.processes().get("worker", [])
        placed = running.occupied() if isinstance(running, Placed) else []
        return [pid for pid in workers if pid in placed] or workers

    def slots(self) -> list[Slot]:
        """The job's workers by slot; what is not told of them is None."""
        running = self._now()
        if isinstance(running, Slotted):
            return running.slots()
        with self._lock:
            self._by_slot = filled(self._by_slot, running.processes().get("worker", []))
            return [Slot(pid) for pid in self._by_slot]

    @property
    def rollback(self) -> Rollback | None:
        """What goes back to its last commit when a worker dies; None where the engine does not say."""
        engine = self._engine
        return engine.rollback(self._job.query, self._job.mode) if isinstance(engine, RollsBack) else None

    def counters(self) -> Mapping[Counter, int]:
        return self._now().counters()

    def progress(self) -> Progress:
        """How far the job is; all zero while it is submitted anew."""
        with self._lock:
            running = self._running
        found = running.progress() if isinstance(running, Observable) else Progress(0)
        # A job that was just submitted again may not know yet what was committed before.
        self._commits = max(self._commits, found.commits)
        return replace(found, commits=self._commits)

    @property
    def tells_progress(self) -> bool:
        """Whether it is told how far the job has committed; as before while it is submitted anew."""
        with self._lock:
            if self._running is not None:
                self._observable = isinstance(self._running, Observable)
        return self._observable

    def failure(self) -> EngineFailure | None:
        """Why the job no longer runs; None while it does, and while a fault is the reason."""
        return None if self._under_fault else self._now().failure()

    @property
    def struck(self) -> bool:
        """Whether a fault is on."""
        return self._under_fault

    @contextmanager
    def under_fault(self) -> Iterator[None]:
        """While entered, what dies was killed on purpose."""
        self._under_fault = True
        try:
            yield
        finally:
            self._under_fault = False

    def revive(self) -> None:
        """Start again what died, as an operator would, and wait until the job is ready. Raises EngineFailure."""
        running = self._now()
        if not isinstance(running, Revivable):
            if running.failure() is not None:
                self.relaunch(None)
            return
        for left in reversed(range(_REVIVALS)):
            running.revive()
            if running.failure() is not None:
                # What died cannot be started again by itself: a driver, or a JobManager that has forgotten the job.
                self.relaunch(None)
                return
            try:
                running.wait_ready(self._ready_s)
            except EngineFailure:
                # Another blow may have fallen meanwhile.
                if not left or running.failure() is None:
                    raise
            else:
                return

    def halt(self) -> None:
        """Stop the job in good order, for `relaunch` to submit it again. Raises EngineFailure."""
        self._now().stop()
        with self._lock:
            self._running = None

    def relaunch(self, parallelism: int | None) -> None:
        """End what is left of the job and submit it again; returns once it is ready. Raises EngineFailure."""
        if self._running is not None:
            self.halt()
        if parallelism is not None:
            self._job = replace(self._job, parallelism=parallelism)
        self._submit(self._job)

    def _submit(self, job: Job, submitted: Callable[[], None] = lambda: None) -> None:
        if self._cluster is None:
            raise RuntimeError("a job is submitted before its cluster was opened")
        running = self._cluster.submit(job)
        with self._lock:
            self._running, self._by_slot = running, []
        submitted()
        running.wait_ready(self._ready_s)

    def _now(self) -> RunningJob:
        """The job as it runs; waits while it is submitted anew."""
        deadline_s = time.monotonic() + self._ready_s
        while True:
            with self._lock:
                if self._running is not None:
                    return self._running
            if time.monotonic() > deadline_s:
                raise TrialFailure(f"the job was not submitted again within {self._ready_s:g} s", str(self._site.logs))
            time.sleep(_LOOK_S)
