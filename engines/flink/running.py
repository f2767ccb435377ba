"""A Flink job from its submission to its end, as the JobManager's REST interface shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from engines.process import Process, tail
from engines.protocol import EngineFailure, Job, Role

from . import settings
from .rest import Rest, Unreachable

_STOP_S = 10.0
_POLL_S = 0.1
_ENDED = ("FAILED", "CANCELED", "FINISHED", "SUSPENDED")


class FlinkJob:
    """A job that a client is submitting, or has submitted. On the cluster it has the job's name."""

    def __init__(self, job: Job, client: Process, manager: Process, workers: Sequence[Process], rest: Rest) -> None:
        self.settings: Mapping[str, str] = settings.reported(job)
        self._name = job.name
        self._client, self._manager, self._workers, self._rest = client, manager, workers, rest
        self._id: str | None = None

    def wait_ready(self, timeout_s: float) -> None:
        """Ready: the client is gone, every subtask runs, and a checkpoint was completed."""
        deadline = time.monotonic() + timeout_s
        while not (self._client.exit_code == 0 and self._processing()):
            for failure in (*(worker.died("while the job started") for worker in self._workers), self.failure()):
                if failure:
                    raise failure
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self._name} did not run with a first checkpoint within {timeout_s:g} s: {self._cause()}; "
                    f"the last lines of {self._client.name}:\n{tail(self._client.log)}",
                    str(self._manager.log),
                )
            time.sleep(_POLL_S)
        # Python ends before the JVM it worked through.
        self._client.kill()

    def processes(self) -> Mapping[Role, list[int]]:
        """TaskManagers are workers; the JobManager, and the client while it submits, are the coordinator."""
        return {
            "coordinator": [process.pid for process in (self._manager, self._client) if process.exit_code is None],
            "worker": [process.pid for process in self._workers if process.exit_code is None],
        }

    def failure(self) -> EngineFailure | None:
        dead = self._manager.died("while the job ran")
        if dead is None and self._client.exit_code != 0:
            dead = self._client.died("while it submitted the job")
        if dead is None:
            lost = [worker.died("while the job ran") for worker in self._workers]
            dead = lost[0] if lost and all(lost) else None
        if dead is not None:
            return dead
        state = self._state()
        if state in _ENDED:
            return EngineFailure(f"{self._name} is {state}: {self._cause()}", str(self._manager.log))
        return None

    def stop(self) -> None:
        """Cancel the job. Raises EngineFailure if it has not ended after a while."""
        self._client.kill()
        deadline = time.monotonic() + _STOP_S
        asked = False
        while self._manager.exit_code is None and (state := self._state()) is not None and state not in _ENDED:
            if not asked:
                self._rest.cancel(str(self._id))
                asked = True
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self._name} is still {state} {_STOP_S:g} s after it was cancelled", str(self._manager.log)
                )
            time.sleep(_POLL_S)

    def abandon(self) -> None:
        """End what belongs to the job alone; the rest goes with the cluster."""
        self._client.kill()

    def _state(self) -> str | None:
        """The job's state, or None while the JobManager does not know it or does not answer."""
        try:
            if self._id is None:
                found = [job["jid"] for job in self._rest.get("/jobs/overview")["jobs"] if job["name"] == self._name]
                if not found:
                    return None
                self._id = found[0]
            status: str = self._rest.get(f"/jobs/{self._id}/status")["status"]
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
