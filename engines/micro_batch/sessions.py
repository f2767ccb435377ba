"""Session windows: open sessions as a table, with which a batch's events are sorted and merged by key and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.query import Aggregate, Query, Session

from .accumulators import NONE, Held, finish, flatten, fold, gather, none, unflatten
from .shape_operator import Batch, Rows, State
from .words import Integers

_BITS = 62


@dataclass
class _Walked:
    """A session of a key that is walked through event by event. items: which of all items it is made of."""

    first: int
    last: int
    items: list[int]


@dataclass(frozen=True)
class _Items:
    """Open sessions, then events, which are taken for sessions of their own: key's code, first time, last time."""

    codes: Integers
    firsts: Integers
    lasts: Integers


class Sessions:
    """A session is open while the watermark is below last + gap; events of a key less than the gap apart are one
    session if the first is open when the other comes.

    While no event is behind the watermark, none can come near a session that has closed, so the order within a batch
    does not matter. The keys of those that are behind are walked through event by event.
    """

    def __init__(self, query: Query, window: Session, outputs: tuple[Aggregate, ...]) -> None:
        self.late = 0
        self._time, self._gap, self._outputs = query.time, window.gap_ms, outputs
        self._open = _Items(NONE, NONE, NONE)
        self._held: Held = none(outputs)

    def add(self, batch: Batch) -> list[Rows]:
        columns, known = batch.columns, len(self._open.codes)
        times = columns.values[self._time]
        items = _Items(
            np.concatenate((self._open.codes, columns.keys)),
            np.concatenate((self._open.firsts, times)),
            np.concatenate((self._open.lasts, times)),
        )
        if not len(items.codes):
            return []
        groups = np.full(len(items.codes), -1, np.int64)
        behind = times < batch.marks
        walked = np.isin(items.codes, columns.keys[behind]) if behind.any() else np.zeros(len(items.codes), np.bool_)
        plain = np.flatnonzero(~walked)
        count = self._merge(items, plain, groups)
        sessions = list(self._walk(items, np.flatnonzero(walked).tolist(), known, batch.marks))
        for number, session in enumerate(sessions, count):
            groups[session.items] = number
        count += len(sessions)
        dropped = groups[known:] < 0
        values, new = columns.values, groups[known:]
        if dropped.any():
            self.late += int(np.count_nonzero(dropped))
            values, new = columns.take(~dropped).values, new[~dropped]
        held = fold(self._outputs, count, new, values, self._held, groups[:known])
        return self._close(items, groups, count, held, batch.mark)

    def _close(self, items: _Items, groups: Integers, count: int, held: Held, mark: int) -> list[Rows]:
        """Keep the groups that are open at this watermark; rows of the others."""
        placed = groups >= 0
        codes, firsts = np.zeros(count, np.int64), np.full(count, np.iinfo(np.int64).max)
        lasts = np.full(count, -1, np.int64)
        codes[groups[placed]] = items.codes[placed]
        np.minimum.at(firsts, groups[placed], items.firsts[placed])
        np.maximum.at(lasts, groups[placed], items.lasts[placed])
        due = lasts + self._gap <= mark
        closed, left = np.flatnonzero(due), np.flatnonzero(~due)
        self._open = _Items(codes[left], firsts[left], lasts[left])
        self._held = gather(held, left)
        if not len(closed):
            return []
        values = finish(gather(held, closed), len(closed))
        return [Rows(codes[closed], [firsts[closed], lasts[closed] + self._gap, *values])]

    def _merge(self, items: _Items, chosen: Integers, groups: Integers) -> int:
        """Number the sessions that these items make up, whatever their order in the log; how many there are."""
        if not len(chosen):
            return 0
        codes, firsts = items.codes[chosen], items.firsts[chosen]
        order = _order(codes, firsts)
        codes, firsts, lasts = codes[order], firsts[order], items.lasts[chosen][order]
        new = np.ones(len(order), np.bool_)
        # An open session may reach beyond what begins within it.
        new[1:] = (codes[1:] != codes[:-1]) | (firsts[1:] - _so_far(codes, lasts)[:-1] >= self._gap)
        groups[chosen[order]] = np.cumsum(new) - 1
        return int(np.count_nonzero(new))

    def _walk(self, items: _Items, chosen: Iterable[int], known: int, marks: Integers) -> Iterator[_Walked]:
        """The sessions that these items make up, one after the other; without events that are late."""
        gap = self._gap
        found: dict[int, list[_Walked]] = {}
        for item in chosen:
            code, time = int(items.codes[item]), int(items.firsts[item])
            sessions = found.setdefault(code, [])
            mine = _Walked(time, int(items.lasts[item]), [item])
            if item >= known:
                mark = int(marks[item - known])
                yield from (session for session in sessions if session.last + gap <= mark)
                sessions = [session for session in sessions if session.last + gap > mark]
                near = [session for session in sessions if session.first - gap < time < session.last + gap]
                if not near and time + gap <= mark:
                    found[code] = sessions
                    continue
                sessions = [session for session in sessions if session not in near]
                for session in near:
                    mine.first, mine.last = min(mine.first, session.first), max(mine.last, session.last)
                    mine.items += session.items
            found[code] = [*sessions, mine]
        for sessions in found.values():
            yield from sessions

    def state(self) -> State:
        return State([self._open.codes], [self._open.firsts, self._open.lasts, *flatten(self._held)])

    def restore(self, state: State, mark: int) -> None:  # noqa: ARG002
        firsts, lasts, *held = state.numbers
        self._open, self._held = _Items(state.codes[0], firsts, lasts), unflatten(self._outputs, held)


def _order(codes: Integers, times: Integers) -> NDArray[np.int64]:
    """The order by code and time."""
    low = int(times.min())
    bits = (int(times.max()) - low).bit_length()
    if bits + int(codes.max()).bit_length() > _BITS:
        return np.lexsort((times, codes))
    return np.argsort((codes << bits) | (times - low))


def _so_far(codes: Integers, times: Integers) -> Integers:
    """The largest time of a key up to each place; codes are in order."""
    low = int(times.min())
    bits = (int(times.max()) - low).bit_length()
    if bits + int(codes.max()).bit_length() > _BITS:
        # Too far apart for one integer: number the times.
        numbers, places = np.unique(times, return_inverse=True)
        return numbers[_so_far(codes, places)]
    found: Integers = (np.maximum.accumulate((codes << bits) | (times - low)) & ((1 << bits) - 1)) + low
    return found
