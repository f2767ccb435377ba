"""A command of a user's that prints all rows of an output: run again and again, within bounds, and ended with all that
it starts.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.output_reading import Invocation
from harness.failure import TrialFailure
from harness.host.brood import end_orphans, end_with_all
from harness.user_command import begun

RUN_S = 60.0
"""How long one run of the command may take."""

MOST_BYTES = 256 << 20
"""How much one run may print."""

MOST_COMPLAINED = 64 << 10
"""So much of the end of its standard error is kept."""

WHAT = "the command of `output`"
"""How it is called in what is said of it."""

_LINES = 8
_LOOK_S = 0.05
_PIECE = 1 << 20


@dataclass(frozen=True)
class Printed:
    """What one run printed. Times are CLOCK_MONOTONIC ns."""

    began_ns: int
    """When it was started: what it printed was there then, or later."""
    ended_ns: int
    """When it had ended: what it printed was there by then."""
    lines: list[bytes]
    """Its lines, without those that are blank; empty where it failed."""
    failure: str = ""
    """Why it failed, with its last lines; empty where it did not."""


class RowCommand:
    """For a process that is a subreaper and starts nothing else: what is left after a run is killed."""

    def __init__(self, command: Invocation, log: Path, run_s: float = RUN_S, most_bytes: int = MOST_BYTES) -> None:
        """log: gets the standard error of the last run."""
        self._command, self._log, self._run_s, self._most_bytes = command, log, run_s, most_bytes

    def run(self, given_up: threading.Event) -> Printed:
        """One run of it; cut short once given up. Raises TrialFailure for what another run would not mend."""
        began_ns = time.monotonic_ns()
        child = self._start()
        with _Pipes(child, self._most_bytes) as pipes:
            try:
                why = self._follow(child, pipes, given_up)
            finally:
                end_with_all(child)
                gone = end_orphans()
            # Whoever could write more is gone, so the pipes have an end.
            pipes.drain()
        self._keep(pipes.complained)
        if not gone:
            raise TrialFailure(f"{WHAT} started processes that do not end", str(self._log))
        if pipes.too_much:
            raise TrialFailure(
                f"{WHAT} printed more than {self._most_bytes:,} bytes in one run",
                str(self._log),
                "have it print the rows of this trial only",
            )
        ended_ns = time.monotonic_ns()
        if why or child.returncode != 0:
            how = why or _ended(child.returncode)
            last = _last_lines(bytes(pipes.complained) or bytes(pipes.printed))
            return Printed(began_ns, ended_ns, [], f"{WHAT} {how}; its last lines:\n{last}")
        lines = [line.rstrip(b"\r") for line in pipes.printed.split(b"\n")]
        return Printed(began_ns, ended_ns, [bytes(line) for line in lines if line.strip()])

    def _start(self) -> subprocess.Popen[bytes]:
        return begun(self._command, WHAT, subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)

    def _follow(self, child: subprocess.Popen[bytes], pipes: _Pipes, given_up: threading.Event) -> str:
        """Read until it has ended; why it is not waited for any longer, or empty."""
        deadline_s = time.monotonic() + self._run_s
        while child.poll() is None and not pipes.too_much:
            pipes.read(_LOOK_S)
            if given_up.is_set():
                return "was not needed any more"
            if time.monotonic() > deadline_s:
                return f"did not end within {self._run_s:g} s, and was killed"
        return ""

    def _keep(self, complained: bytearray) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(complained)


class _Pipes:
    """What a process prints and complains of, within bounds."""

    def __init__(self, child: subprocess.Popen[bytes], most_bytes: int) -> None:
        self._most_bytes, self.printed, self.complained = most_bytes, bytearray(), bytearray()
        self.too_much = False
        self._files = [file for file in (child.stdout, child.stderr) if file is not None]
        self._selector = selectors.DefaultSelector()
        for file, take in zip(self._files, (self._print, self._complain), strict=True):
            os.set_blocking(file.fileno(), False)
            self._selector.register(file, selectors.EVENT_READ, take)

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for file in self._files:
            file.close()

    def read(self, timeout_s: float) -> bool:
        """What is there, or comes in this time. Whether there was anything, an end included."""
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return False
        found = self._selector.select(timeout_s)
        for key, _ in found:
            piece = os.read(key.fd, _PIECE)
            if piece:
                take: Callable[[bytes], None] = key.data
                take(piece)
            else:
                self._selector.unregister(key.fileobj)
        return bool(found)

    def drain(self) -> None:
        """What is left in the pipes; no more than is allowed."""
        while not self.too_much and self._selector.get_map() and self.read(0.0):
            pass

    def _print(self, piece: bytes) -> None:
        self.printed += piece
        self.too_much |= len(self.printed) > self._most_bytes

    def _complain(self, piece: bytes) -> None:
        self.complained += piece
        del self.complained[:-MOST_COMPLAINED]


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _last_lines(text: bytes) -> str:
    lines = text[-MOST_COMPLAINED:].decode(errors="replace").rstrip().splitlines()
    return "\n".join(lines[-_LINES:]) or "(it printed nothing)"
