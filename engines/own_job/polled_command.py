"""How far a job is, as a command of its user's prints it: it is run again and again, on a thread."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from engines.protocol import Progress

EVERY_S = 0.25
"""How long after one run of the command the next begins."""

_ANSWER_S = 10.0
_PRINTED = re.compile(rb"(\d{1,15})[ \t]+(\d{1,15})[ \t\r]*")
_CLOSE_S = 15.0


class PolledCommand:
    """The command prints a line `COMMITS INPUTS`, the last of which counts: two numbers that never fall. Its standard
    error is in its log. What was printed last stands while it fails.
    """

    def __init__(self, words: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> None:
        self._words, self._env, self._folder, self._log = words, {**os.environ, **env}, folder, log
        self._known = Progress(0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def progress(self) -> Progress:
        return self._known

    def close(self) -> None:
        """May be called twice."""
        self._over.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._over.is_set():
            printed = self._printed()
            if (told := told_by(printed)) is not None:
                commits, inputs = told
                self._known = Progress(
                    commits=max(commits, self._known.commits), inputs=max(inputs, self._known.inputs or 0)
                )
            self._over.wait(EVERY_S)

    def _printed(self) -> bytes:
        """What one run of it printed; nothing where it failed or did not end in time."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            try:
                process = subprocess.Popen(
                    self._words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=self._env,
                    cwd=self._folder,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"{self._words[0]} cannot be started: {error}\n".encode())
                return b""
            try:
                printed, _ = process.communicate(timeout=_ANSWER_S)
            except subprocess.TimeoutExpired:
                log.write(f"it did not end within {_ANSWER_S:g} s, and was killed\n".encode())
                printed = b""
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return printed if process.returncode == 0 else b""


def told_by(printed: bytes) -> tuple[int, int] | None:
    """Commits and inputs in the last line that has something; None where it is not two numbers."""
    lines = printed.strip().splitlines()
    found = _PRINTED.fullmatch(lines[-1].strip()) if lines else None
    return (int(found[1]), int(found[2])) if found else None
