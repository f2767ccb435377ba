"""The changelog: what a worker writes down of its state, and how it reads that back.

A compacted topic with a partition for each input partition. State is a set of tables of entries by name. Four kinds of
records:

- an entry: key [TABLE, *NAME], value [OFFSET, STATE]: what the entry held once all events before OFFSET were taken
- the same with STATE null: the events before OFFSET ended it
- the same key without a value: the entry had ended before an earlier commit
- a commit: key [], value [OFFSET, LATEST]: all entries up to OFFSET are written; LATEST is the largest event time

A partition's state is a pure function of its events before an offset. So the state as of the last commit at offset M
is, for each name, the entry with the largest offset <= M. Entries that a crash left behind without their commit are
passed over, also when later commits follow them. What has ended because event time went on needs no record of that:
LATEST tells. All that holds with transactions and without.
"""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Name: TypeAlias = tuple[Any, ...]
"""What an entry is called in its table: text and integers."""

Record: TypeAlias = tuple[bytes, bytes | None]
"""A changelog record: key and value."""

COMMIT = b"[]"


@dataclass(frozen=True)
class State:
    """A partition's state as of a commit.

    offset: of the first event that is not in it, None before the first commit. latest: largest event time, epoch ms,
    -1 for none. entries: JSON by (table, *name), None where events ended it. torn: names for which the changelog has
    entries of a commit that never came.
    """

    offset: int | None = None
    latest: int = -1
    entries: dict[Name, Any] = field(default_factory=dict)
    torn: Set[Name] = frozenset()


def entry(table: str, name: Name, offset: int, state: Any) -> Record:
    """state: JSON, None for one that ended."""
    return _encode((table, *name)), _encode([offset, state])


def tombstone(table: str, name: Name) -> Record:
    return _encode((table, *name)), None


def commit(offset: int, latest: int) -> Record:
    return COMMIT, _encode([offset, latest])


class Restoration:
    """Takes one partition's records in log order; then `state` is what they amount to."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._latest = -1
        self._entries: dict[Name, tuple[int, Any]] = {}
        self._uncommitted: list[tuple[Name, int, Any]] = []

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
            at, state = json.loads(value)
            self._uncommitted.append((name, at, state))

    def state(self) -> State:
        """The state as of the last commit."""
        entries = {name: state for name, (_, state) in self._entries.items()}
        return State(self._offset, self._latest, entries, frozenset(name for name, _, _ in self._uncommitted))

    def _settle(self, committed: int) -> None:
        later = []
        for name, at, state in self._uncommitted:
            if at > committed:
                later.append((name, at, state))
            elif name not in self._entries or self._entries[name][0] <= at:
                self._entries[name] = at, state
        self._uncommitted = later


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
