"""Measuring instruments: processes of our own, apart from the engine's and from the one that directs the trial.

Each takes its set-up and then commands as JSON lines on standard input and answers with JSON lines on standard output.
End of input ends an instrument, so none outlives the process that directs it. What it says last is what it stored; an
instrument that ends otherwise has failed.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from engines.failure import Failure
from engines.process import tail
from harness.failure import TrialFailure
from harness.host import own
from harness.host.interpreter import command, environment
from results.history import NotStored
from workloads.workload import Unfit

Message = dict[str, Any]

_STARTUP_S = 30.0
_CLOSE_S = 30.0
_ANSWERS_S = 5.0


class Instrument:
    """The directing side."""

    def __init__(self, name: str, module: str, setup: Message, log: Path) -> None:
        """Start the module; its first answer says that it is ready (`wait_ready`)."""
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                command(module),
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                text=True,
                bufsize=1,
            )
        own.register(self._child.pid)
        self._stdin: IO[str] = self._child.stdin  # type: ignore[assignment]  # both are pipes
        self._answers = _lines(self._child.stdout)  # type: ignore[arg-type]
        self._failure: TrialFailure | None = None
        self.send(setup)

    def wait_ready(self) -> None:
        """Return when it can take commands. Raises TrialFailure if that takes too long or it died."""
        self.wait(_STARTUP_S, "to start")

    @property
    def pid(self) -> int:
        return self._child.pid

    def send(self, command: Message) -> None:
        """Raises TrialFailure if the instrument is gone, with the first reason that it gave."""
        if self._stdin.closed:
            raise self._dead(f"before it took {command}")
        try:
            self._stdin.write(json.dumps(command) + "\n")
            self._stdin.flush()
        except OSError as error:
            raise self._dead(f"before it took {command}") from error

    def receive(self, timeout_s: float) -> Message | None:
        """The next answer, None if there is none in time. Raises TrialFailure if the instrument is gone or failed."""
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if line is None:
            self._answers.put(None)
            raise self._dead("unasked")
        answer: Message = json.loads(line)
        if "error" in answer:
            raise self._failed(answer)
        return answer

    def wait(self, timeout_s: float, awaited: str) -> Message:
        """The next answer. Raises TrialFailure if there is none in time."""
        answer = self.receive(timeout_s)
        if answer is None:
            raise TrialFailure(f"the {self.name} needed more than {timeout_s:g} s {awaited}", str(self.log))
        return answer

    def ask(self, command: Message, timeout_s: float) -> Message:
        """Send a command and wait for its answer."""
        self.send(command)
        return self.wait(timeout_s, f"to answer {command['do']}")

    def check(self) -> None:
        """Raises TrialFailure if the instrument is gone, with what it said of the reason."""
        if self._child.poll() is not None:
            raise self._dead("unasked")

    def close(self) -> None:
        """End of input: the instrument writes what it holds and ends. Killed if it does not. May be called twice."""
        if not self._stdin.closed:
            with suppress(OSError):  # It may be gone already; what it said is in its log.
                self._stdin.close()
        try:
            self._child.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def end(self) -> Message:
        """`close`, and what the instrument said last. Raises TrialFailure if it failed, or did not end by itself."""
        self.close()
        said = self._said()
        if self._child.returncode != 0 or not said or said[-1].get("did") != "end":
            raise self._dead("at the end of the trial", said)
        return said[-1]

    def _said(self) -> list[Message]:
        """All that an instrument that is gone had answered and nobody took."""
        said: list[Message] = []
        with suppress(queue.Empty):
            while (line := self._answers.get(timeout=_ANSWERS_S)) is not None:
                said.append(json.loads(line))
        self._answers.put(None)
        return said

    def _dead(self, when: str, said: list[Message] | None = None) -> TrialFailure:
        self.close()
        errors = [answer for answer in (self._said() if said is None else said) if "error" in answer]
        if self._failure is None and errors:
            self._failed(errors[0])
        if self._failure is None:
            what = f"the {self.name} ended with exit code {self._child.returncode} {when}; its last lines:"
            self._failure = TrialFailure(f"{what}\n{tail(self.log)}", str(self.log))
        return self._failure

    def _failed(self, answer: Message) -> TrialFailure:
        self._failure = TrialFailure(f"{self.name}: {answer['error']}", str(answer.get("where") or self.log))
        return self._failure


def _lines(stream: IO[str]) -> queue.Queue[str | None]:
    """A queue that a thread fills with the stream's lines; None at its end."""
    lines: queue.Queue[str | None] = queue.Queue()

    def fill() -> None:
        with stream:
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=fill, daemon=True).start()
    return lines


class Commands:
    """The instrument's side: its set-up, then the commands it is sent."""

    def __init__(self) -> None:
        self._lines = _lines(sys.stdin)
        first = self._lines.get()
        if first is None:
            raise SystemExit(0)
        self.setup: Message = json.loads(first)

    def next(self, timeout_s: float) -> Message | None:
        """The next command, or None if there is none in time. Raises EndOfInput at the end of input."""
        try:
            line = self._lines.get(timeout=timeout_s) if timeout_s > 0 else self._lines.get_nowait()
        except queue.Empty:
            return None
        if line is None:
            raise EndOfInput
        return dict(json.loads(line))

    def __iter__(self) -> Iterator[Message]:
        """Commands until the end of input, waiting for each."""
        while True:
            try:
                command = self.next(3600.0)
            except EndOfInput:
                return
            if command is not None:
                yield command


class EndOfInput(Exception):
    """The directing process closed the channel, or died."""


def answer(message: Message) -> None:
    """Answer the directing process; if it is gone, so are we."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(0) from None


@contextmanager
def failures_told() -> Iterator[None]:
    """What an instrument cannot go on after is answered, for its log may be full too, and ends it with exit code 1."""
    try:
        yield
    except Failure as failure:
        answer({"error": failure.what, "where": failure.where})
        raise SystemExit(1) from failure
    except NotStored as failure:
        answer({"error": failure.strerror, "where": failure.filename})
        raise SystemExit(1) from failure
    except Unfit as failure:
        answer({"error": failure.what})
        raise SystemExit(1) from failure


def now_ns() -> int:
    """CLOCK_MONOTONIC: one clock for every process of the machine."""
    return time.monotonic_ns()
