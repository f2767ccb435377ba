"""The Flink client's process: kept while jobs follow one another, since its start takes longer than its work."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engines.process import Process, tail
from engines.protocol import EngineFailure

_POLL_S = 0.05


class Client:
    """Started at once; again when it is asked after it was ended."""

    def __init__(self, start: Callable[[Path], Process], requests: Path) -> None:
        """start: a process of `engines.flink.submitter` that reads the named pipe `requests`, which is made here."""
        self._start, self._requests = start, requests
        os.mkfifo(requests)
        # Open for reading as well: so the pipe has what was written before the client reads it, and never blocks.
        self._pipe = os.open(requests, os.O_RDWR | os.O_NONBLOCK)
        self.process = start(requests)

    def ask(self, description: Path) -> Submission:
        """Submit the job that the file describes."""
        if self.process.exit_code is not None:
            self._forget()
            self.process = self._start(self._requests)
        os.write(self._pipe, f"{description}\n".encode())
        return Submission(self, description)

    def revive(self) -> None:
        """Start it again if it ended in idleness. Raises EngineFailure if it ended otherwise."""
        dead = self.process.died("while it submitted the job")
        if dead is not None and self.process.exit_code != 0:
            raise dead
        if dead is not None:
            self.process = self._start(self._requests)

    def kill(self) -> None:
        """End it, whatever it does; what it was asked and did not read is not asked of the next one."""
        self.process.kill()
        self._forget()

    def close(self) -> None:
        """End it for good. May be called twice."""
        self.process.kill()
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _forget(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._pipe, select.PIPE_BUF):
                pass


class Submission:
    """A job that the client was asked to submit."""

    def __init__(self, client: Client, description: Path) -> None:
        self._client, self._answer = client, description.with_suffix(".answer")
        self._job: str | None = None
        self._given_up = False

    @property
    def log(self) -> Path:
        return self._client.process.log

    def job(self) -> str | None:
        """The job's id, or None while it is being submitted. Raises EngineFailure if it could not be."""
        if self._job is None and not self._given_up:
            if not self._answer.exists():
                self._client.revive()
                return None
            said = json.loads(self._answer.read_text())
            if "error" in said:
                name = self._client.process.name
                raise EngineFailure(
                    f"{name} could not submit the job: {said['error']}\nits last lines:\n{tail(self.log)}",
                    str(self.log),
                )
            self._job = said["job"]
        return self._job

    def text(self, name: str, timeout_s: float) -> str:
        """What the client said under a name, once it has. Raises EngineFailure."""
        deadline = time.monotonic() + timeout_s
        while not self._answer.exists():
            self._client.revive()
            if time.monotonic() > deadline:
                raise EngineFailure(f"Flink's client did not answer within {timeout_s:g} s", str(self.log))
            time.sleep(_POLL_S)
        said = json.loads(self._answer.read_text())
        if "error" in said:
            raise EngineFailure(f"{self._client.process.name} failed: {said['error']}", str(self.log))
        return str(said[name])

    def pids(self) -> list[int]:
        """The client's, while it submits this job."""
        busy = not self._given_up and not self._answer.exists() and self._client.process.exit_code is None
        return [self._client.process.pid] if busy else []

    def give_up(self) -> None:
        """End the client if it is still at it."""
        if not self._given_up and not self._answer.exists():
            self._client.kill()
            self._given_up = True
