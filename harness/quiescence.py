"""Quiescence: nothing is on its way any more, so what is there can be judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.logs.protocol import Log
from harness.failure import TrialFailure

STILL_S = 5.0
STILL_INTERVALS = 2
"""Outputs must stand still for so many seconds, or commit intervals if that is longer, before a trial is over."""

POLLED_REST_S = 180.0
"""An output that a command prints gets so long to come to rest: a run of the command may take a minute."""

_REST_S = 90.0
_LOOK_S = 0.1


def still_s(interval_ms: int) -> float:
    """How long the output of a job with this commit interval must stand still, in seconds."""
    return max(STILL_INTERVALS * interval_ms / 1000, STILL_S)


class Rest:
    """Equal end offsets for both isolation levels, which stand still. The time counts from when this is made."""

    def __init__(self, log: Log, topic: str, partitions: int, interval_ms: int) -> None:
        self._log, self._topic, self._partitions = log, topic, partitions
        self.still_s = still_s(interval_ms)
        self._ends = log.end_offsets(topic, partitions, "read_uncommitted")
        self._since_s = time.monotonic()

    def wait(self, attend: Callable[[], None], logs: Path) -> list[int]:
        """The end offsets at rest. attend: called between looks. Raises TrialFailure if there is no rest in time."""
        deadline_s = time.monotonic() + self.still_s + _REST_S
        while True:
            committed = self._log.end_offsets(self._topic, self._partitions, "read_committed")
            written = self._log.end_offsets(self._topic, self._partitions, "read_uncommitted")
            if committed != written or written != self._ends:
                self._ends, self._since_s = written, time.monotonic()
            elif time.monotonic() - self._since_s >= self.still_s:
                return self._ends
            attend()
            if time.monotonic() > deadline_s:
                raise TrialFailure(
                    f"outputs did not come to rest within {_REST_S:g} s: end offsets {committed} committed, "
                    f"{written} written",
                    str(logs),
                )
            time.sleep(_LOOK_S)


class PolledRest:
    """The same rows in each run of the command that prints them, which are then stored. The time counts from when this
    is made.
    """

    def __init__(self, ask: Callable[[Mapping[str, Any]], Mapping[str, Any]], interval_ms: int) -> None:
        """ask: what the polled collector answers to a command."""
        self._ask, self.still_s = ask, still_s(interval_ms)
        self._made_ns = time.monotonic_ns()

    def wait(self, attend: Callable[[], None], logs: Path) -> list[int]:
        """The end offsets at rest. attend: called between looks. Raises TrialFailure if there is no rest in time."""
        deadline_s = time.monotonic() + self.still_s + POLLED_REST_S
        while True:
            told = self._ask({"do": "status"})
            same_ns = told["began_ns"] - max(told["since_ns"], self._made_ns)
            if told["digest"] and same_ns >= self.still_s * 1e9:
                # Another run may have ended since then, which printed others.
                kept = self._ask({"do": "keep", "digest": told["digest"]})
                if kept["kept"]:
                    return list(kept["positions"])
            attend()
            if time.monotonic() > deadline_s:
                why = f"; {told['failure']}" if told["failure"] else ""
                what = f"the rows of the output did not stand still within {POLLED_REST_S:g} s{why}"
                raise TrialFailure(what, str(logs))
