"""The descendants of a process, each with the parent under which it was first seen.

A process can leave its session, its group and its environment, and its parent can die; it cannot leave the descent from
a process that is a *subreaper*: that one becomes its parent then. So whoever is no descendant when first seen never
becomes one, and each process need be looked at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from engines import proc


@dataclass(frozen=True, eq=False)
class Member:
    """A descendant. parent: under which it was first seen, None for the process that all descend from. started: as in
    `proc.Origin`."""

    pid: int
    parent: Member | None
    started: int

    def line(self) -> Iterator[Member]:
        """Itself, its parent and so on, without the one that all descend from."""
        member: Member | None = self
        while member is not None and member.parent is not None:
            yield member
            member = member.parent


class Lineage:
    """Knows what it saw at its looks. Not safe to use from several threads."""

    def __init__(self, root: int) -> None:
        found = proc.origin(root)
        self.root = Member(root, None, found.started if found else 0)
        self._known: dict[int, Member | None] = {root: self.root}
        """Every process that is there; None: no descendant."""

    def look(self) -> None:
        """Find the new ones and forget those that are gone; a zombie is there until it is waited for."""
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - ten times a second: ten times as fast
        for pid in self._known.keys() - there - {self.root.pid}:
            del self._known[pid]
        for pid in there - self._known.keys():
            self._place(pid)

    def _place(self, pid: int) -> Member | None:
        """Say what a process is, its parents first; it stays unknown if it is gone, or its parent is by now."""
        if pid in self._known:
            return self._known[pid]
        origin = proc.origin(pid)
        if origin is None:
            return None
        if origin.parent == 0:
            self._known[pid] = None
            return None
        parent = self._place(origin.parent)
        if origin.parent in self._known:
            self._known[pid] = Member(pid, parent, origin.started) if parent is not None else None
        return self._known.get(pid)

    @property
    def members(self) -> list[Member]:
        """All that were there at the last look, parents before their children."""
        return [member for member in self._known.values() if member is not None and member.parent is not None]

    def of(self, pid: int) -> Member | None:
        """The one with this pid, if it was there at the last look."""
        return self._known.get(pid)
