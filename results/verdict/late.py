"""Late data: events that an engine may count or drop, each by itself, for there is no single right answer to them.

An event is late by construction if it is planned when event time is already past it by more than the watermark delay.
A time window is right with all of its other events and any of its late ones; which, its audit sums tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from results.evidence.phases import Phase
from results.evidence.regenerated import RegeneratedStream
from results.evidence.rows import Rows
from results.verdict.audit import SUMS, Columns, aggregate, outputs
from results.verdict.identity import Finder, grouped
from results.verdict.matching import Due
from workloads import oracle
from workloads.query import CHECK, ID, Query, Session, Sliding, SqlAnswer, Windowed
from workloads.stream import Integers

MOST_LATE = 16
"""Of so many late events in a window every subset can be tried."""

_Mask = NDArray[np.bool_]


@dataclass
class Lateness:
    """What became of a phase's late events."""

    events: int = 0
    """How many there are, as far as the filter lets them pass."""
    kept: int = 0
    """How many were counted in windows that could be decided, once for each window that an event falls into."""
    dropped: int = 0
    """How many were not counted in such windows, once for each."""
    without: dict[tuple[int, int, int], Integers] = field(default_factory=dict)
    """The ids that a window is due without, by key (index) and bounds (epoch ms)."""
    replaced: list[tuple[int, int, int, int]] = field(default_factory=list)
    """What each row that is due instead of others stands for, in their order. It is start, end and key (index) of the
    window with all of its events, and the row's number among those that are due instead of it."""
    unsettled: int = 0
    """How many late events the query's shape does not allow to judge."""
    undecided: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    """The windows of which it could not be decided what was counted: start, end and key, and the reason in a line."""

    @property
    def problems(self) -> list[str]:
        """Why something could not be decided, each in a line."""
        unsettled = (
            f"{self.unsettled} events of the stream come later than the watermark delay allows, which is judged for "
            "time windows without top items only"
        )
        return [*([unsettled] if self.unsettled else []), *(why for _, why in self.undecided)]

    @staticmethod
    def merged(parts: Iterable[Lateness]) -> Lateness:
        """Of several sets of keys. What windows are due without is left out, and what new rows stand for."""
        whole = Lateness()
        for part in parts:
            whole.events += part.events
            whole.kept += part.kept
            whole.dropped += part.dropped
            whole.unsettled += part.unsettled
            whole.undecided += part.undecided
        whole.undecided.sort(key=lambda each: each[0])
        return whole


def settle(
    stream: RegeneratedStream,
    phase: Phase,
    number: int,
    ids: Integers,
    late: Integers,
    labels: Sequence[str],
    due: Due,
    rows: Rows,
) -> tuple[Due, Lateness]:
    """What is due in a phase, given which of its late events the rows that are there have counted.

    number: of the phase. ids: its events in the log; late: the late ones among them.
    """
    found = Lateness()
    query = stream.query
    # A user's own SQL is told which events are late, and says itself what is due of them.
    if not len(late) or isinstance(query.shape, SqlAnswer):
        return due, found
    if query.time_window is None or (isinstance(query.shape, Windowed) and query.shape.top is not None):
        found.events = found.unsettled = len(late)
        return due, found
    alone = oracle.expected(query, stream.pieces(phase.segment, late))
    counts = alone[SUMS[0]].to_numpy()
    overlap = query.time_window.size_ms // query.time_window.slide_ms if isinstance(query.time_window, Sliding) else 1
    found.events = int(counts.sum()) // overlap
    concerned = _concerned(query, due, number, alone)
    windows = np.concatenate((due.keys[np.newaxis, concerned], due.identity[:, concerned]))
    names = ("key", *query.identity)
    members = oracle.members(query, stream.pieces(phase.segment, ids), pa.table(dict(zip(names, windows, strict=True))))
    settling = _Settling(query, late, labels, rows, found)
    kept, more = np.ones(len(due.keys), dtype=np.bool_), []
    for place, events in enumerate(grouped(members, windows)):
        new = settling.window(int(windows[0, place]), windows[1:, place], events)
        if new is not None:
            kept[concerned[place]] = False
            more += [(number, int(windows[0, place]), row) for row in new]
            found.replaced += [(*windows[1:, place].tolist(), int(windows[0, place]), n) for n in range(len(new))]
            found.without |= {(int(windows[0, place]), row.start, row.end): row.without for row in new}
    return (due.take(kept).extended(_rows(query, more)) if not kept.all() else due), found


@dataclass(frozen=True)
class _New:
    """A row that is due instead."""

    start: int
    """Begin of its window, epoch ms."""
    end: int
    """End of its window, epoch ms, exclusive."""
    values: list[int]
    """What it has in `query.fields`, in their order."""
    last_id: int
    """The largest id that it counts."""
    on_time: bool
    """Whether it counts an event that is not late."""
    without: Integers
    """Ids of the events that it leaves out."""


class _Settling:
    def __init__(self, query: Query, late: Integers, labels: Sequence[str], rows: Rows, found: Lateness) -> None:
        self._query, self._late, self._labels, self._rows, self._found = query, late, labels, rows, found
        self._sums = [query.fields.index(name) for name in SUMS]
        self._by_key = np.argsort(rows.keys, kind="stable")
        self._keys = rows.keys[self._by_key]

    def window(self, key: int, bounds: Integers, events: Columns) -> list[_New] | None:
        """What is due instead of a window with all of its events; None where that stays."""
        start, end = bounds.tolist()
        late = np.isin(events[ID], self._late)
        if (count := int(np.count_nonzero(late))) > MOST_LATE:
            why = (
                f"window [{start}, {end}) of {self._labels[key]} has {count} late events; of more than {MOST_LATE} it "
                "cannot be decided which were counted"
            )
            self._found.undecided.append(((start, end, key), why))
            return None
        rows = self._rows_of(key, start, end)
        if isinstance(self._query.time_window, Session):
            return self._sessions(rows, events, late, self._query.time_window.gap_ms)
        return self._grid(rows, start, end, events, late)

    def _grid(self, rows: list[int], start: int, end: int, events: Columns, late: _Mask) -> list[_New] | None:
        rows = [row for row in rows if self._rows.identity[:, row].tolist() == [start, end]]
        if not rows and not late.all():
            return None
        counted = ~late if not rows else self._counted(rows, events, late)
        if counted is None:
            return None
        self._count(counted, late)
        return [self._new(start, end, events, counted, late)] if counted.any() else []

    def _sessions(self, rows: list[int], events: Columns, late: _Mask, gap_ms: int) -> list[_New]:
        """Which late events are counted moves a session's bounds, and may tear it apart."""
        times = events[self._query.time]
        counted, decided = ~late, True
        for row in rows:
            start, end = self._rows.identity[:, row].tolist()
            inside = np.flatnonzero((times >= start) & (times + gap_ms <= end))
            mine = {name: column[inside] for name, column in events.items()}
            chosen = self._counted([row], mine, late[inside]) if len(inside) else None
            decided &= chosen is not None
            # Where nothing fits, the row is wrong with all of them as well.
            counted[inside] |= late[inside] if chosen is None else chosen
        if decided:
            self._count(counted, late)
        order = np.flatnonzero(counted)[np.argsort(times[counted], kind="stable")]
        apart = np.flatnonzero(np.diff(times[order]) >= gap_ms) + 1
        new = []
        for session in np.split(order, apart) if len(order) else []:
            mask = np.zeros(len(times), dtype=np.bool_)
            mask[session] = True
            new.append(self._new(int(times[session[0]]), int(times[session[-1]]) + gap_ms, events, mask, late))
        return new

    def _counted(self, rows: list[int], events: Columns, late: _Mask) -> _Mask | None:
        """The events that the first fitting one of these rows counts; failing that, those of a row that fits but for
        one event that is not late. None if nothing fits.
        """
        candidates, on_time = np.flatnonzero(late), ~late
        subsets = _subset_sums(events, candidates)
        base = (int(np.count_nonzero(on_time)), int(events[ID][on_time].sum()), int(events[CHECK][on_time].sum()))
        for misfit in (0, 1):
            for row in rows:
                target = self._rows.values[self._sums, row]
                left = [target[place] - base[place] - subsets[place] for place in range(3)]
                if not misfit:
                    fits = (left[0] == 0) & (left[1] == 0) & (left[2] == 0)
                else:
                    single = {
                        (i, c)
                        for i, c in zip(events[ID][on_time].tolist(), events[CHECK][on_time].tolist(), strict=True)
                    }
                    near = np.flatnonzero(np.abs(left[0]) == 1)
                    fits = np.zeros(len(left[0]), dtype=np.bool_)
                    fits[[n for n in near.tolist() if (left[1][n] * left[0][n], left[2][n] * left[0][n]) in single]] = (
                        True
                    )
                if fits.any():
                    subset = int(np.argmax(fits))
                    chosen = on_time.copy()
                    chosen[candidates[[bool(subset >> bit & 1) for bit in range(len(candidates))]]] = True
                    return chosen
        return None

    def _count(self, counted: _Mask, late: _Mask) -> None:
        self._found.kept += int(np.count_nonzero(counted & late))
        self._found.dropped += int(np.count_nonzero(~counted & late))

    def _new(self, start: int, end: int, events: Columns, counted: _Mask, late: _Mask) -> _New:
        mine = {name: column[counted] for name, column in events.items()}
        once = np.ones(len(mine[ID]), dtype=np.int64)
        values = [aggregate(output, mine, once) or 0 for output in outputs(self._query)]
        return _New(start, end, values, int(mine[ID].max()), bool((counted & ~late).any()), events[ID][~counted])

    def _rows_of(self, key: int, start: int, end: int) -> list[int]:
        """Rows of a key that overlap some time, in order of visibility."""
        first, stop = np.searchsorted(self._keys, [key, key + 1])
        mine = self._by_key[first:stop]
        starts, ends = self._rows.identity[:, mine]
        return [int(row) for row in mine[(starts < end) & (ends > start)]]


def _subset_sums(events: Columns, candidates: Integers) -> tuple[Integers, Integers, Integers]:
    """Count, sum of ids and sum of checks of every subset; bit n of its number says whether candidate n is in it."""
    counts = ids = checks = np.zeros(1, dtype=np.int64)
    for place in candidates:
        counts = np.concatenate((counts, counts + 1))
        ids = np.concatenate((ids, ids + events[ID][place]))
        checks = np.concatenate((checks, checks + events[CHECK][place]))
    return counts, ids, checks


def _concerned(query: Query, due: Due, number: int, alone: pa.Table) -> Integers:
    """The due rows of a phase whose windows have late events. alone: the windows of the late events by themselves."""
    if not alone.num_rows:
        return np.empty(0, dtype=np.int64)
    keys, starts = alone["key"].to_numpy(), alone["start"].to_numpy()
    mine = np.flatnonzero(due.phases == number)
    if not isinstance(query.time_window, Session):
        places = Finder(due.keys[mine], due.identity[:, mine]).find(
            keys, np.stack([alone[name].to_numpy() for name in query.identity])
        )
        return np.unique(mine[places[places >= 0]])
    # The last session of the key that begins no later.
    span = int(max(due.identity[0, mine].max(), starts.max())) + 1
    codes = due.keys[mine] * span + due.identity[0, mine]
    order = np.argsort(codes)
    places = np.searchsorted(codes[order], keys * span + starts, side="right") - 1
    return np.unique(mine[order[places]])


def _rows(query: Query, rows: list[tuple[int, int, _New]]) -> Due:
    return Due(
        phases=np.array([phase for phase, _, _ in rows], dtype=np.int64),
        keys=np.array([key for _, key, _ in rows], dtype=np.int64),
        identity=np.array([[new.start, new.end] for _, _, new in rows], dtype=np.int64).reshape(-1, 2).T,
        values=np.array([new.values for _, _, new in rows], dtype=np.int64).reshape(-1, len(query.fields)).T,
        last_ids=np.array([new.last_id for _, _, new in rows], dtype=np.int64),
        timed=np.array([new.on_time for _, _, new in rows], dtype=np.bool_),
    )
