"""What the Java threads of processes do, by samples of their stacks: Java Flight Recorder, which every JDK has."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engines import proc
from harness.host import own

_NAME = "streamgauge"
_TOOL_S = 60.0
_DEPTH = 64
"""A stack is told to so many frames, as deep as it is recorded."""

_EVENTS = "jdk.ExecutionSample,jdk.NativeMethodSample"
_JSON = re.compile(r"\.jackson\.|\.json\.|Jackson|Json[A-Z]|JSON|ToJson\b|\bStructsToJson|JsonToStructs")
"""Frames that read or write JSON, in any of the engines' libraries: names of packages and classes have it in them."""

_WAITS = re.compile(r"epollWait|SocketDispatcher\.|EPoll|PlainSocketImpl|sun\.nio\.ch\.Net\.poll")
"""Native frames in which a thread waits for the network, and takes no CPU."""

_RECORDER = re.compile(r'sampledThread = "(Attach Listener|JFR )')
"""Threads that record, and that are told to."""


@dataclass(frozen=True)
class StackSamples:
    """How many stacks of running Java threads were sampled, and in how many of them JSON was read or written."""

    all: int
    json: int


class FlightRecording:
    """While entered, the JVMs among these processes are recorded; then `samples` tells what they did.

    What cannot be recorded is left out: `why` says the first reason.
    """

    def __init__(self, pids: Iterable[int], java_home: Path, folder: Path) -> None:
        self._java = java_home / "bin"
        self._folder = folder
        self._pids = [pid for pid in pids if proc.name(pid) == "java"]
        self.samples = StackSamples(0, 0)
        self.why = "" if self._pids else "no process of its workers is a JVM"

    def __enter__(self) -> FlightRecording:
        started = []
        for pid in self._pids:
            if self._tell(pid, "JFR.start", f"name={_NAME}", "settings=profile"):
                started.append(pid)
        self._pids = started
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        found = []
        for pid in self._pids:
            path = self._folder / f"{pid}.jfr"
            stopped = self._tell(pid, "JFR.stop", f"name={_NAME}", f"filename={path}")
            if error is None and stopped:
                told = self._run("jfr", "print", "--events", _EVENTS, "--stack-depth", str(_DEPTH), str(path))
                found.append(counted(told or ""))
            path.unlink(missing_ok=True)
            with suppress(OSError):  # The JVM listens there once it was told something, and leaves it if it is killed.
                Path(f"/tmp/.java_pid{pid}").unlink()  # noqa: S108 # the JVM's own place, whatever its temporary folder
        self.samples = StackSamples(sum(each.all for each in found), sum(each.json for each in found))

    def _tell(self, pid: int, *words: str) -> bool:
        return self._run("jcmd", str(pid), *words) is not None

    def _run(self, tool: str, *words: str) -> str | None:
        """What a tool of the JDK printed, or None if it failed."""
        try:
            process = subprocess.Popen(
                [self._java / tool, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        except OSError as error:
            self.why = self.why or f"{tool} cannot be started: {error.strerror}"
            return None
        own.register(process.pid)
        try:
            said, _ = process.communicate(timeout=_TOOL_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.why = self.why or f"{tool} {words[1]} took longer than {_TOOL_S:g} s"
            return None
        if process.returncode != 0:
            self.why = self.why or f"{tool} failed: {said.strip().splitlines()[-1:]}"
            return None
        return said


def counted(printed: str) -> StackSamples:
    """What `jfr print` says of sampled stacks."""
    found, json = 0, 0
    for event in re.split(r"^jdk\.", printed, flags=re.MULTILINE)[1:]:
        frames = event.partition("stackTrace = [")[2].partition("\n  ]")[0].strip()
        if not frames or _WAITS.search(frames.splitlines()[0]) or _RECORDER.search(event):
            continue
        found += 1
        json += _JSON.search(frames) is not None
    return StackSamples(found, json)
