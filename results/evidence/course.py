"""How event time goes on as a phase's events are planned: which of them come late, and which one closes a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.query import Query, Sliding, Tumbling
from workloads.stream import Events, Integers

_LATE, _LEVELS, _IDS = "late", "levels", "ids"


@dataclass(frozen=True)
class Course:
    """Of one phase; found in one pass over its events in planned order."""

    late: Integers
    """Ids of the events that are more than the watermark delay behind the largest event time planned so far."""
    levels: Integers
    """Ends of windows, ascending: those that the watermark passes, as far as windows can end there (epoch ms)."""
    ids: Integers
    """For each of these the first event with a time of that end + watermark delay or later."""

    def closings(self, ends: Integers) -> Integers:
        """For each window end: the first planned id with a time of end + watermark delay or later, or -1."""
        places = np.searchsorted(self.levels, ends)
        found = np.full(len(ends), -1, dtype=np.int64)
        closed = places < len(self.levels)
        found[closed] = self.ids[places[closed]]
        return found

    def store(self, folder: Path) -> None:
        """Keep it in a folder that is there."""
        for name in (_LATE, _LEVELS, _IDS):
            np.save(folder / f"{name}.npy", getattr(self, name))

    @staticmethod
    def stored(folder: Path) -> Course:
        """The one that is kept in a folder; of its files only what is looked at is read."""
        late, levels, ids = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in (_LATE, _LEVELS, _IDS))
        return Course(late, levels, ids)


def course(query: Query, planned: Iterable[Events]) -> Course:
    """planned: all events of a phase, in planned order."""
    grid_ms, delay_ms = _grid_ms(query), query.watermark_delay_ms
    latest_ms = level_ms = np.iinfo(np.int64).min
    nothing = np.empty(0, dtype=np.int64)
    late, levels, ids = [nothing], [nothing], [nothing]
    for events in planned:
        running = np.maximum(np.maximum.accumulate(events.times), latest_ms)
        late.append(events.ids[running - events.times > delay_ms])
        latest_ms = running[-1]
        if grid_ms is None:
            continue
        # The last end of a window that the watermark has reached.
        passed = (running - delay_ms) // grid_ms * grid_ms
        rises = np.flatnonzero(np.diff(passed, prepend=level_ms))
        levels.append(passed[rises])
        ids.append(events.ids[rises])
        level_ms = passed[-1]
    return Course(*(np.concatenate(pieces) for pieces in (late, levels, ids)))


def _grid_ms(query: Query) -> int | None:
    """Time windows end at multiples of this; None where a query has none."""
    match query.time_window:
        case None:
            return None
        case Tumbling(size_ms=step) | Sliding(slide_ms=step):
            return step
        case _:
            return 1
