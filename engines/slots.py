"""Which process is in which slot, where a job names its workers in no such order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


def filled(before: Sequence[int | None], running: Sequence[int]) -> list[int | None]:
    """Pids by slot, None where nothing runs: who runs on keeps its slot, and who is new takes the first that is free.

    before: the same, as it was. running: pids of the workers that run now.
    """
    new = deque(pid for pid in running if pid not in before)
    slots: list[int | None] = []
    for pid in before:
        slots.append(pid if pid in running else new.popleft() if new else None)
    return [*slots, *new]
