"""Operating system processes that we start: each in a session of its own, its output in a log file, always ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from engines import proc
from engines.protocol import EngineFailure

_TAIL_LINES = 8
_POLL_S = 0.05
_GONE_S = 10.0
_LOOK_S = 0.02


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log, or a word for none."""
    try:
        text = log.read_text(errors="replace").rstrip().splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(text[-lines:]) or "(log is empty)"


class Process:
    """A process started here. Its children share its process group, so that `stop` and `kill` reach them."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        unset: Sequence[str] = (),
    ) -> None:
        """Start argv. env is added to this process's environment, less `unset`; log gets stdout and stderr.

        Raises EngineFailure if it cannot be started.
        """
        self.name, self.log = name, log
        self._asking = threading.Lock()
        self._argv, self._env, self._cwd, self._unset = argv, env, cwd, unset
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if key not in unset} | dict(env or {})
        with log.open("ab") as out:
            try:
                self._child = subprocess.Popen(
                    [str(word) for word in argv],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise EngineFailure(f"{name} cannot be started: {error}", str(log)) from error

    def again(self) -> Process:
        """A new process of the same command, with the same log; what is left of this one is killed before.

        Raises EngineFailure if it cannot be started.
        """
        self.kill()
        return Process(self.name, self._argv, self.log, self._env, self._cwd, self._unset)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: ended by that signal."""
        # Popen itself takes a dead child for a living one while another thread asks, too.
        with self._asking:
            code = self._child.poll()
            # Of a process with many threads the first may be dead a moment before the last: it runs no more.
            return self._child.wait() if code is None and not proc.runs(self._child.pid) else code

    def died(self, when: str) -> EngineFailure | None:
        """Why the process is gone (exit code and its last log lines), or None while it runs."""
        code = self.exit_code
        if code is None:
            return None
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return EngineFailure(f"{self.name} {how} {when}; its last lines:\n{tail(self.log)}", str(self.log))

    def wait_for_line(self, pattern: str, timeout_s: float, when: str) -> re.Match[str]:
        """The first match of `pattern` in the log. Raises EngineFailure on death or time-out."""
        deadline = time.monotonic() + timeout_s
        while True:
            dead = self.died(when)
            found = re.search(pattern, self.log.read_text(errors="replace"), re.MULTILINE)
            if found:
                return found
            if dead:
                raise dead
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self.name} did not print /{pattern}/ within {timeout_s:g} s {when}; its last lines:\n"
                    f"{tail(self.log)}",
                    str(self.log),
                )
            time.sleep(_POLL_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; nothing happens if it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, as soon as it has ended; None if it still runs after timeout_s."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout_s)
        return self.exit_code

    def stop(self, timeout_s: float = 10.0) -> None:
        """SIGTERM to the group, then SIGKILL to whatever is left of it after timeout_s."""
        if self.exit_code is None:
            self.signal(signal.SIGTERM)
            self.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the group, and wait for the process itself."""
        self.signal(signal.SIGKILL)
        self._child.wait()

    def wait_for_descendants(self, left: Callable[[], Collection[int]]) -> None:
        """Return once none is left of the processes that this one started, which were killed with it.

        left: pids of those that still run. They are not our children: only their going tells. Raises EngineFailure if
        some still run after 10 s.
        """
        deadline = time.monotonic() + _GONE_S
        while pids := left():
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self.name}: its processes {sorted(pids)} still run {_GONE_S:g} s after SIGKILL; "
                    f"its last lines:\n{tail(self.log)}",
                    str(self.log),
                )
            time.sleep(_LOOK_S)
