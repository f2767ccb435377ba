"""Whose turn it is to be struck: the slots of a job that have a part of it, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection


class Turns:
    """Counts over the strikes of one campaign."""

    def __init__(self) -> None:
        self._struck: Counter[int] = Counter()
        self._exposed: set[int] = set()
        self._parts: set[int] = set()

    def take(self, parts: Collection[int], exposed_only: bool) -> int:
        """The slot that is struck next, of those that have a part just now (at least one).

        exposed_only: enough strikes were exposed, and only slots that never were are struck, where there are any.
        """
        self._parts |= set(parts)
        left = [slot for slot in parts if slot not in self._exposed] if exposed_only else []
        slot = min(left or parts, key=lambda one: (self._struck[one], one))
        self._struck[slot] += 1
        return slot

    def exposed(self, slot: int) -> None:
        """A strike on this slot was exposed."""
        self._exposed.add(slot)

    @property
    def untested(self) -> bool:
        """Whether a slot that had a part was never exposed."""
        return not self._parts <= self._exposed
