"""What a key has recently seen, in spans of event time: each is an entry of the changelog, and forgotten as a whole.

An entry for each key would be written anew with all that it holds at every commit. An entry for each event would cost
two records an event. A span is about what comes between two commits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from .changelog import Name
from .deadlines import Deadlines
from .journal import Journal

SPAN_MS = 1_000

Content = TypeVar("Content", list[list[int]], dict[str, int])


class Spans(Generic[Content]):
    """Contents by key, then start of the span, epoch ms. Its entries are called (key, start)."""

    def __init__(self, table: str, new: Callable[[], Content], keep_ms: int) -> None:
        """new: makes an empty content. keep_ms: an event is needed until the watermark is this far beyond its time."""
        self.journal = Journal(table)
        self._new: Callable[[], Content] = new
        self._keep = keep_ms
        self._keys: dict[str, dict[int, Content]] = {}
        self._deadlines = Deadlines()

    def of(self, key: str) -> Mapping[int, Content]:
        return self._keys.get(key, {})

    def change(self, key: str, time: int, watermark: int) -> Content | None:
        """The content of the span for an event, to be changed; None if such events are not needed any more."""
        start = time - time % SPAN_MS
        if self._end(start) <= watermark:
            return None
        spans = self._keys.setdefault(key, {})
        if start in spans:
            self.journal.change((key, start))
        else:
            spans[start] = self._new()
            self.journal.create((key, start))
            self._deadlines.schedule((key, start), self._end(start))
        return spans[start]

    def advance(self, watermark: int) -> None:
        for name in self._deadlines.due(watermark):
            key, start = name
            del self._keys[key][start]
            if not self._keys[key]:
                del self._keys[key]
            self.journal.expire(name)

    def state(self, name: Name) -> Content:
        key, start = name
        return self._keys[key][start]

    def restore(self, name: Name, state: Content, watermark: int) -> bool:
        key, start = name
        if self._end(start) <= watermark:
            return False
        self._keys.setdefault(key, {})[start] = state
        self._deadlines.schedule(name, self._end(start))
        return True

    def _end(self, start: int) -> int:
        return start + SPAN_MS + self._keep
