"""A job that was submitted to a driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from engines.process import Process, tail
from engines.protocol import Counter, EngineFailure, Progress, Role, Slot
from engines.slots import filled

from .progress import progress
from .session import members
from .status import Status

_JVM = "org.apache.spark.deploy.SparkSubmit"
_EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
_PYTHON_WORKER = "pyspark.daemon"
_STOP_S = 60.0
_POLL_S = 0.02


class Driver(Protocol):
    """The driver as a job sees it."""

    process: Process

    def tell(self, command: str, folder: Path) -> None: ...

    def close(self) -> None: ...


class SparkJob:
    """A query of a driver that may run others as well."""

    def __init__(self, driver: Driver, folder: Path, reported: Mapping[str, str], checkpoint: Path) -> None:
        """folder: the submission's own, where the driver keeps its status. checkpoint: the query's."""
        self._checkpoint = checkpoint
        self.settings = reported
        self._driver, self._folder = driver, folder
        self._executors: list[int | None] = []
        """Pids by slot."""
        self._looking = threading.Lock()

    def wait_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while (state := Status.read(self._folder).state) != "ready":
            failure = self._failure("while its query started")
            if failure is not None:
                raise failure
            process = self._driver.process
            if state == "stopped":
                raise EngineFailure(f"{process.name}: its query was stopped while it started", str(process.log))
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{process.name}: its query was not ready within {timeout_s:g} s; its last lines:\n"
                    f"{tail(process.log)}",
                    str(process.log),
                )
            time.sleep(_POLL_S)

    def processes(self) -> Mapping[Role, list[int]]:
        """Executors are workers, and their Python workers help them; the driver's Python and its JVM are the
        coordinator.

        Left out are the commands of a moment (chmod, say) that Hadoop's file system runs.
        """
        first = self._driver.process.pid
        commands = members(first)
        return {
            "coordinator": [pid for pid, command in commands.items() if pid == first or _JVM in command],
            "worker": [
                *self._running_executors(commands),
                *(pid for pid, command in commands.items() if _PYTHON_WORKER in command),
            ],
        }

    def occupied(self) -> list[int]:
        """Executors, which all have a part."""
        return self._running_executors(members(self._driver.process.pid))

    def slots(self) -> list[Slot]:
        """Spark starts another executor in place of one that died, under a number of its own."""
        self.occupied()
        return [Slot(pid) for pid in self._executors]

    def _running_executors(self, commands: Mapping[int, str]) -> list[int]:
        with self._looking:
            running = [pid for pid, command in commands.items() if _EXECUTOR in command]
            self._executors = filled(self._executors, running)
            return [pid for pid in self._executors if pid is not None]

    def failure(self) -> EngineFailure | None:
        return self._failure("while its query ran")

    def counters(self) -> Mapping[Counter, int]:
        """late: rows that a stateful operator dropped, which are fewer than events where it sums them up first."""
        status = Status.read(self._folder)
        return {"late": status.late, "broken": status.broken}

    def progress(self) -> Progress:
        return progress(self._checkpoint, Status.read(self._folder).state)

    def revive(self) -> list[str]:
        """Nothing: Spark itself starts executors again, and its driver is submitted anew."""
        return []

    def stop(self) -> None:
        """A driver that does not stop the query in time is ended."""
        process = self._driver.process
        if Status.read(self._folder).ended or process.exit_code is not None:
            return
        with suppress(EngineFailure):
            self._driver.tell("stop", self._folder)
        deadline = time.monotonic() + _STOP_S
        while not Status.read(self._folder).ended and process.exit_code is None:
            if time.monotonic() > deadline:
                self._driver.close()
            time.sleep(_POLL_S)

    def _failure(self, when: str) -> EngineFailure | None:
        process = self._driver.process
        dead = process.died(when)
        if dead is not None:
            return dead
        status = Status.read(self._folder)
        if status.state != "failed":
            return None
        return EngineFailure(f"{process.name} reports an error {when}:\n{status.cause}", str(process.log))
