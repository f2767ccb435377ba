"""The processes of an engine: every descendant of the harness that is not our own, whatever it does to leave."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from engines import proc
from engines.protocol import Role
from harness.host.lineage import Lineage, Member
from harness.host.own import owned
from harness.host.subreaper import started_here, wait_for

_LOOK_S = 0.1
_GONE_S = 10.0
_GONE_LOOK_S = 0.01


@dataclass(frozen=True)
class EndedOrphan:
    """An orphan that was waited for: its pid, its role, when that was (CLOCK_MONOTONIC ns), and all the CPU seconds
    that it took."""

    pid: int
    role: Role
    at_ns: int
    cpu_s: float


class EngineProcesses:
    """Of one trial, while entered: what the harness had started before is not the engine's. Any thread may ask.

    Looks ten times a second, so that it knows of most orphans under which worker they began.
    """

    def __init__(self) -> None:
        self._lineage = Lineage(os.getpid())
        self._lock = threading.Lock()
        self._before: set[Member] = set()
        self._unclear: set[Member] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="engine processes", daemon=True)

    def __enter__(self) -> EngineProcesses:
        with self._lock:
            self._lineage.look()
            self._before = set(self._lineage.members)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._over.set()
        self._thread.join()
        # Nothing is started any more, so that what is unclear will never be clearer.
        self.reap({})
        self.reap({})

    def pids(self) -> list[int]:
        """All that are there now, parents before their children."""
        return [member.pid for member in self._members()]

    def descendants(self, pids: Collection[int]) -> list[int]:
        """These, and all that descend from them by the parents under which they were first seen, as of now."""
        found = [member.pid for member in self._members() if any(one.pid in pids for one in member.line())]
        return list(dict.fromkeys([*pids, *found]))

    def orphans(self) -> list[int]:
        """Those of which nobody knows which of the engine's processes started them, and what they started. Costs some
        ten milliseconds.
        """
        held, found = started_here(), self._members()
        return [member.pid for member in found if self._top(member).pid not in held]

    @staticmethod
    def _top(member: Member) -> Member:
        return list(member.line())[-1]

    def ours(self) -> list[int]:
        """Pids of the descendants of the harness that are not the engine's."""
        with self._lock:
            return [member.pid for member in self._lineage.members if self._is_ours(member)]

    def reap(self, roles: Mapping[Role, Collection[int]]) -> list[EndedOrphan]:
        """Wait for the orphans that are dead. roles: of the processes that the engine names itself, by pid; an orphan
        has that of the first of its line that has one, else it is a worker.
        """
        by_pid: dict[int, Role] = {pid: role for role, pids in roles.items() for pid in pids}
        ended = []
        for orphan in self._dead_orphans():
            cpu_s = wait_for(orphan.pid)
            if cpu_s is not None:
                named = (by_pid[one.pid] for one in orphan.line() if one.pid in by_pid)
                ended.append(EndedOrphan(orphan.pid, next(named, "worker"), time.monotonic_ns(), cpu_s))
        return ended

    def end(self) -> None:
        """Kill what is left of the engine, until nothing is. Raises TimeoutError if some remain after 10 s."""
        deadline_s = time.monotonic() + _GONE_S
        while left := [pid for pid in self.pids() if proc.runs(pid)]:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"processes of the engine are still there {_GONE_S:g} s after SIGKILL: {left}")
            time.sleep(_GONE_LOOK_S)

    def _members(self) -> list[Member]:
        with self._lock:
            self._lineage.look()
            return [member for member in self._lineage.members if not self._is_ours(member)]

    def _is_ours(self, member: Member) -> bool:
        return any(one in self._before or owned(one.pid, one.started) for one in member.line())

    def _dead_orphans(self) -> list[Member]:
        """Zombies that are children of this process, and that nothing here started.

        One that was never seen under another parent counts from the second time on that it is found: what was started
        here a moment ago may not know its pid yet.
        """
        us = os.getpid()
        dead = [
            member
            for member in self._members()
            if proc.state(member.pid) == "Z" and (found := proc.origin(member.pid)) and found.parent == us
        ]
        unclear = {member for member in dead if member.parent is self._lineage.root}
        again, self._unclear = unclear & self._unclear, unclear
        held = started_here() if again else set()
        return [member for member in dead if member not in unclear or (member in again and member.pid not in held)]

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            with self._lock:
                self._lineage.look()
