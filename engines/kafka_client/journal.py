"""The journal of a table: which of its entries the changelog must hear of at the next commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import changelog
from .changelog import Name


class Journal:
    """Holds names only; the entries themselves are the operator's."""

    def __init__(self, table: str) -> None:
        self.table = table
        self._changed: set[Name] = set()
        self._new: set[Name] = set()
        """Of the changed ones those that the changelog has nothing of."""
        self._ended: set[Name] = set()
        self._closing: set[Name] = set()
        self._closed: set[Name] = set()
        self._torn: set[Name] = set()

    def create(self, name: Name) -> None:
        """An entry that was not there has come, perhaps once more."""
        self._changed.add(name)
        known = name in self._torn
        for gone in (self._ended, self._closing, self._closed):
            if name in gone:
                gone.discard(name)
                known = True
        if not known:
            self._new.add(name)

    def change(self, name: Name) -> None:
        self._changed.add(name)

    def end(self, name: Name) -> None:
        """Events ended the entry: whoever reads the changelog must be told."""
        self._leave(name, self._ended)

    def expire(self, name: Name) -> None:
        """Event time has gone past the entry: whoever reads the changelog sees that by the commit's time."""
        self._leave(name, self._closing)

    def gone(self, name: Name) -> None:
        """The changelog has an entry that ended or expired before the commit that was restored."""
        self._closed.add(name)

    def torn(self, name: Name) -> None:
        """The changelog has an entry whose commit never came, and will count once commits have gone past it."""
        self._torn.add(name)

    def records(self, offset: int, state: Callable[[Name], Any]) -> list[changelog.Record]:
        """What the changelog lacks; afterwards it is taken for written. state: an entry as JSON."""
        records = [changelog.tombstone(self.table, name) for name in self._closed]
        records += [changelog.entry(self.table, name, offset, None) for name in self._ended]
        records += [changelog.entry(self.table, name, offset, state(name)) for name in self._changed]
        # An entry is needed until the commit that ends it is durable: its tombstone goes into the next one.
        self._closed, self._closing = self._closing | self._ended, set()
        self._ended = set()
        self._changed.clear()
        self._new.clear()
        return records

    def _leave(self, name: Name, names: set[Name]) -> None:
        self._changed.discard(name)
        if name in self._new:
            self._new.discard(name)
        else:
            names.add(name)
