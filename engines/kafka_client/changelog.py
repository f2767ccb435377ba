"""The changelog: what a worker writes down of its windows, and how it reads that back.

A compacted topic with a partition for each input partition. Three kinds of records:

- an entry: key [KEY, START], value [OFFSET, TOTAL, ...]: the window's totals once all events before OFFSET were taken
- the same key without a value: the window is closed, and was before an earlier commit
- a commit: key [], value [OFFSET, LATEST]: all entries up to OFFSET are written; LATEST is the largest event time

A partition's totals are a pure function of its events before an offset. So the state as of the last commit at offset M
is, for each window, the entry with the largest offset <= M: entries that a crash left behind without their commit are
passed over, also when later commits follow them, and a window that is closed by LATEST needs no entry. That holds with
transactions and without.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

Name = tuple[str, int]
"""A window: key and start, epoch ms."""

Record = tuple[bytes, bytes | None]
"""A changelog record: key and value."""

COMMIT = b"[]"


@dataclass
class State:
    """A partition's state as of a commit.

    offset: of the first event that is not in it, None before the first commit. latest: largest event time, epoch ms,
    -1 for none. open: totals by start, then key. closed: windows that the changelog has entries of and need none.
    """

    offset: int | None = None
    latest: int = -1
    open: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    closed: list[Name] = field(default_factory=list)


def entry(name: Name, offset: int, totals: list[int]) -> Record:
    return _encode(name), _encode([offset, *totals])


def tombstone(name: Name) -> Record:
    return _encode(name), None


def commit(offset: int, latest: int) -> Record:
    return COMMIT, _encode([offset, latest])


class Restoration:
    """Takes one partition's records in log order; then `state` is what they amount to."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._latest = -1
        self._entries: dict[Name, tuple[int, list[int]]] = {}
        self._uncommitted: list[tuple[Name, int, list[int]]] = []

    def take(self, key: bytes, value: bytes | None) -> None:
        if key == COMMIT:
            offset, latest = json.loads(value or b"")
            if self._offset is None or offset > self._offset:
                self._offset, self._latest = offset, latest
                self._settle(offset)
            return
        name: Name = tuple(json.loads(key))
        if value is None:
            self._entries.pop(name, None)
        else:
            at, *totals = json.loads(value)
            self._uncommitted.append((name, at, totals))

    def state(self, size_ms: int, delay_ms: int) -> State:
        """The state as of the last commit, for windows of size_ms that close delay_ms after their end."""
        state = State(self._offset, self._latest)
        for (key, start), (_, totals) in self._entries.items():
            if start + size_ms <= self._latest - delay_ms:
                state.closed.append((key, start))
            else:
                state.open.setdefault(start, {})[key] = totals
        return state

    def _settle(self, committed: int) -> None:
        later = []
        for name, at, totals in self._uncommitted:
            if at > committed:
                later.append((name, at, totals))
            elif name not in self._entries or self._entries[name][0] <= at:
                self._entries[name] = at, totals
        self._uncommitted = later


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
