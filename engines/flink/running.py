"""A Flink job from its submission to its end, as the JobManager's REST interface shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from engines.configuration import values
from engines.process import Process, tail
from engines.protocol import Counter, EngineFailure, Job, Progress, Role, Slot

from . import metrics, settings
from .client import Submission
from .rest import Rest, Unreachable

_STOP_S = 30.0
_GLANCE_S = 0.5
_POLL_S = 0.1
_ENDED = ("FAILED", "CANCELED", "FINISHED", "SUSPENDED")


class FlinkJob:
    """A job that the client is submitting, or has submitted. On the cluster it has the job's name."""

    def __init__(
        self,
        job: Job,
        submission: Submission,
        manager: Process,
        workers: list[Process],
        rest: Rest,
        completed: MutableMapping[str, int] | None = None,
    ) -> None:
        """workers: the cluster's TaskManagers; revived ones take their places. completed: checkpoints of each job that
        the cluster has run, by name, over all of its submissions.
        """
        self.settings: Mapping[str, str] = values(settings.reported(job))
        self._name = job.name
        self._submission, self._manager, self._workers, self._rest = submission, manager, workers, rest
        self._glance = rest.within(_GLANCE_S)
        self._id: str | None = None
        self._stopped = False
        self._completed = {} if completed is None else completed
        self._before = self._completed.get(job.name, 0)
        self._progress = Progress(self._before)

    def wait_ready(self, timeout_s: float) -> None:
        """Ready: the job was submitted, every subtask runs, and a checkpoint was completed."""
        deadline = time.monotonic() + timeout_s
        while not self._processing():
            for failure in (*(worker.died("while the job started") for worker in self._workers), self.failure()):
                if failure:
                    raise failure
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self._name} did not run with a first checkpoint within {timeout_s:g} s: {self._cause()}; "
                    f"the last lines of the client:\n{tail(self._submission.log)}",
                    str(self._manager.log),
                )
            time.sleep(_POLL_S)

    def processes(self) -> Mapping[Role, list[int]]:
        """TaskManagers are workers (Python runs in them); the JobManager, and the client while it submits the job, are
        the coordinator.
        """
        manager = [self._manager.pid] if self._manager.exit_code is None else []
        return {
            "coordinator": [*manager, *self._submission.pids()],
            "worker": [process.pid for process in self._workers if process.exit_code is None],
        }

    def occupied(self) -> list[int]:
        """TaskManagers have slots to spare: once one has failed, another may run the whole job."""
        try:
            vertices = self._rest.get(f"/jobs/{self._id}")["vertices"]
            subtasks = [self._rest.get(f"/jobs/{self._id}/vertices/{vertex['id']}")["subtasks"] for vertex in vertices]
        except Unreachable:
            return []
        # Of a subtask that waits for a slot the endpoint is "(unassigned)".
        places = [subtask["endpoint"].rpartition(":")[2] for own in subtasks for subtask in own]
        ports = {int(place) for place in places if place.isdigit()}
        return [worker.pid for worker in self._workers if worker.exit_code is None and ports & listened(worker.pid)]

    def slots(self) -> list[Slot]:
        """A revived TaskManager takes the place of the dead one. Which partitions one reads is not told."""
        return [Slot(worker.pid if worker.exit_code is None else None) for worker in self._workers]

    def failure(self) -> EngineFailure | None:
        dead = self._manager.died("while the job ran")
        if dead is None:
            lost = [worker.died("while the job ran") for worker in self._workers]
            dead = lost[0] if lost and all(lost) else None
        if dead is not None:
            return dead
        try:
            state = self._state()
        except EngineFailure as failure:
            return failure
        if state in _ENDED:
            return EngineFailure(f"{self._name} is {state}: {self._cause()}", str(self._manager.log))
        return None

    def counters(self) -> Mapping[Counter, int]:
        """Since the job last started or restarted."""
        try:
            return metrics.counters(self._rest, self._id) if self._id else {}
        except Unreachable:
            return {}

    def progress(self) -> Progress:
        """Commits are completed checkpoints, over all submissions of the job."""
        try:
            state = self._state(self._glance)
        except EngineFailure:
            # It could not be submitted, which `failure` says.
            state = None
        if state is None:
            self._progress = replace(self._progress, committing=False, state="unreachable" if self._id else "")
            return self._progress
        try:
            counts = self._glance.get(f"/jobs/{self._id}/checkpoints")["counts"]
        except Unreachable:
            self._progress = replace(self._progress, committing=False, state=state)
            return self._progress
        commits = max(self._progress.commits, self._before + int(counts["completed"]))
        self._completed[self._name] = commits
        self._progress = Progress(commits, committing=counts["in_progress"] > 0, state=state)
        return self._progress

    def revive(self) -> list[str]:
        """Start dead TaskManagers again; the JobManager itself restarts the job on what is there."""
        dead = [place for place, worker in enumerate(self._workers) if worker.exit_code is not None]
        for place in dead:
            self._workers[place] = self._workers[place].again()
        return [self._workers[place].name for place in dead]

    def stop(self) -> None:
        """Cancel the job; its newest checkpoint stays. Raises EngineFailure if it has not ended after a while."""
        if self._stopped:
            return
        self._submission.give_up()
        deadline = time.monotonic() + _STOP_S
        asked: set[str] = set()
        while self._manager.exit_code is None and (left := self._unended()):
            for identity in set(left) - asked:
                # The JobManager may die meanwhile; one that does not answer is asked again.
                with suppress(Unreachable):
                    self._rest.cancel(identity)
                    asked.add(identity)
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self._name} is still {', '.join(left.values())} {_STOP_S:g} s after it was cancelled",
                    str(self._manager.log),
                )
            time.sleep(_POLL_S)
        self._stopped = True

    def _unended(self) -> dict[str, str]:
        """States of what runs under the job's name, by id: its submission may have been cut short unseen."""
        try:
            jobs = self._rest.get("/jobs/overview")["jobs"]
        except Unreachable:
            return {}
        return {job["jid"]: job["state"] for job in jobs if job["name"] == self._name and job["state"] not in _ENDED}

    def _state(self, rest: Rest | None = None) -> str | None:
        """The job's state, or None while the JobManager does not know it or does not answer."""
        self._id = self._id or self._submission.job()
        if self._id is None:
            return None
        try:
            status: str = (rest or self._rest).get(f"/jobs/{self._id}/status")["status"]
        except Unreachable:
            return None
        return status

    def _processing(self) -> bool:
        if self._state() != "RUNNING":
            return False
        try:
            vertices: list[dict[str, Any]] = self._rest.get(f"/jobs/{self._id}")["vertices"]
            checkpoints = self._rest.get(f"/jobs/{self._id}/checkpoints")["counts"]
        except Unreachable:
            return False
        return all(vertex["status"] == "RUNNING" for vertex in vertices) and checkpoints["completed"] > 0

    def _cause(self) -> str:
        """The first line of the last exception that the JobManager holds."""
        try:
            entries = self._rest.get(f"/jobs/{self._id}/exceptions")["exceptionHistory"]["entries"]
        except (Unreachable, KeyError):
            return "the JobManager names no cause"
        causes: list[str] = [line for entry in entries[:1] for line in entry["stacktrace"].splitlines() if line.strip()]
        # The innermost cause says most.
        inner = [line for line in causes if line.startswith("Caused by: ")]
        return inner[-1] if inner else next(iter(causes), "no exception is recorded")


def listened(pid: int) -> set[int]:
    """Ports on which a process listens; none if it is gone."""
    # The client runs in Flink's own environment, which has no psutil, and imports this package.
    import psutil

    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return set()
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}
