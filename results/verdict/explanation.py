"""Which events stand behind rows that are not as they should be, and what their audit sums say."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import groupby

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from results.result import Kind
from results.verdict.audit import (
    SUMS,
    Columns,
    Explanation,
    aggregate,
    describe,
    explain,
    outputs,
    values,
)
from results.verdict.causes import Causes
from results.verdict.examination import Examination
from results.verdict.identity import grouped
from results.verdict.matching import DUPLICATE, MATCH
from results.verdict.succession import KeyRow, explain_running, explain_windows
from workloads.query import ID, Query, Running, Session, SqlAnswer, Windowed
from workloads.stream import Integers

THOROUGH = 500
"""So many rows are searched for scattered events as well as for ranges: there may be millions."""


CAUSES = 20_000
"""For so many wrong rows a cause beyond their own events is looked for."""

_UNEXPLAINED: tuple[Kind, ...] = ("wrong value", "broken audit")
"""What a row is where its own events do not explain it."""


class Explainer:
    """Looks into some rows at once. rows: indices of the rows to explain. missing: due rows without an answer, whose
    events are asked for.
    """

    def __init__(
        self, seen: Examination, rows: Integers, missing: Integers, positions: Integers, thorough: Container[int]
    ) -> None:
        """positions: where each of the rows stands among all that are explained, also of other slices. thorough: keys
        whose windows that follow each other are searched for scattered events as well.
        """
        self._positions, self._thorough = positions, thorough
        self._seen, self._matching, self._query = seen, seen.matching, seen.stream.query
        self._found: dict[int, Explanation] = {}
        self._ids: dict[int, tuple[int, ...]] = {}
        match self._query.shape:
            case Windowed() if self._query.time_window is not None:
                self._explain_time_windows(rows, missing)
            case Windowed() | Running():
                self._explain_successions(rows, missing)
            case _:
                self._compare_values(rows, missing)

        self._causes, self._named = Causes(seen), set[int]()
        for row in rows[positions < CAUSES].tolist():
            if (found := self._found.get(row)) is None or found.kind in _UNEXPLAINED:
                cause = self._causes.of(row)
                if cause is not None:
                    self._found[row] = cause
                    self._named.add(row)

    def of(self, row: int) -> Explanation | None:
        """What is wrong with a row; None where it is a row that nothing explains."""
        return self._found.get(int(row))

    def of_stray(self, row: int) -> Explanation | None:
        """The same for a row that answers none that is due."""
        if (known := self._found.get(row)) is None and (cause := self._causes.of(row)) is not None:
            known = self._found[row] = cause
            self._named.add(row)
        return known

    def named(self, row: int) -> bool:
        """Whether a cause beyond its own events explains a row."""
        return row in self._named

    def ids(self, due: int) -> tuple[int, ...]:
        """The events of a missing row, in log order."""
        return self._ids[int(due)]

    # Every row by itself.

    def _compare_values(self, rows: Integers, missing: Integers) -> None:
        for row in rows.tolist():
            due, found = self._due(int(self._matching.index[row])), self._values(row)
            differing = [name for name in found if found[name] != due[name]]
            self._found[row] = Explanation("wrong value", values(differing, due, found))
        due_rows = self._matching.due
        if isinstance(self._query.shape, SqlAnswer):
            # What its identity means is not known; the event that decides a row is, where it is told.
            self._ids |= {
                due: (int(due_rows.last_ids[due]),) if due_rows.timed[due] else () for due in missing.tolist()
            }
            return
        self._ids |= {due: tuple(due_rows.identity[:, due].tolist()) for due in missing.tolist()}

    # Time windows: the events of each.

    def _explain_time_windows(self, rows: Integers, missing: Integers) -> None:
        matching = self._matching
        answered = matching.index[rows]
        overlapped = np.where(answered >= 0, answered, matching.within[rows])
        events = self._events_of_windows(np.concatenate((missing, overlapped)))
        for due in missing.tolist():
            mine = events[due]
            if self._topped:
                mine = _of_item(self._query, mine, self._due(due)["item"])
            self._ids[due] = tuple(mine[ID].tolist())
        searched = (self._positions < THOROUGH).tolist()
        for thorough, row, due in zip(searched, rows.tolist(), overlapped.tolist(), strict=True):
            if self._topped:
                self._found[row] = self._of_item(row, due, events[due], thorough)
            elif matching.renamed[row] or matching.index[row] < 0:
                self._found[row] = self._of_session(row, due, events[due], thorough)
            else:
                self._found[row] = self._on_time_only(
                    explain(self._query, events[due], self._due(due), self._values(row), thorough), due
                )
        if self._topped:
            self._settle_ranks(rows, overlapped)

    @property
    def _topped(self) -> bool:
        return isinstance(self._query.shape, Windowed) and self._query.shape.top is not None

    def _on_time_only(self, explanation: Explanation, due: int) -> Explanation:
        """A loss of late events is none."""
        late = self._seen.late_ids[self._matching.due.phases[due]]
        if explanation.kind != "loss" or not len(late):
            return explanation
        ids = tuple(
            value for value, is_late in zip(explanation.ids, np.isin(explanation.ids, late), strict=True) if not is_late
        )
        if not ids or len(ids) == len(explanation.ids):
            return explanation
        verb = "is" if len(ids) == 1 else "are"
        return Explanation("loss", f"{describe(ids)} {verb} not counted, beside events that came late", ids)

    def _of_session(self, row: int, due: int, events: Columns, thorough: bool) -> Explanation:
        """A session that has other bounds than the one it overlaps: which events are outside, and what is inside."""
        bounds = dict(zip(self._query.identity, self._matching.due.identity[:, due].tolist(), strict=True))
        moved = dict(zip(self._query.identity, self._matching.rows.identity[:, row].tolist(), strict=True))
        found, inside = self._values(row), self._inside(row, events)
        # A row that counts more than its bounds allow is held against the whole session.
        mine = events if found[SUMS[0]] > np.count_nonzero(inside) else _only(events, inside)
        right = self._aggregates(mine)
        if right != found:
            return explain(self._query, mine, right, found, thorough)
        matching = self._matching
        covered = np.zeros(len(inside), dtype=np.bool_)
        for other in np.flatnonzero((matching.index == due) | (matching.within == due)).tolist():
            covered |= self._inside(other, events)
        lost = tuple(events[ID][~covered].tolist())
        if not lost or mine is events:
            names = [name for name in bounds if bounds[name] != moved[name]]
            return Explanation("wrong value", f"{values(names, bounds, moved)}; every event is in it once")
        verb = "is" if len(lost) == 1 else "are"
        return Explanation("loss", f"{describe(lost)} {verb} not counted, which gives the session other bounds", lost)

    def _inside(self, row: int, events: Columns) -> NDArray[np.bool_]:
        """Which of these events lie within a session's row."""
        start, end = self._matching.rows.identity[:, row].tolist()
        gap_ms = self._query.time_window.gap_ms if isinstance(self._query.time_window, Session) else 0
        times = events[self._query.time]
        return np.asarray((times >= start) & (times + gap_ms <= end), dtype=np.bool_)

    def _aggregates(self, events: Columns) -> dict[str, int]:
        once = np.ones(len(events[ID]), dtype=np.int64)
        return {output.name: aggregate(output, events, once) or 0 for output in outputs(self._query)}

    def _of_item(self, row: int, due: int, events: Columns, thorough: bool) -> Explanation:
        """A row of a window's top items: its values against those of the item that it names."""
        found = self._values(row)
        mine = _of_item(self._query, events, found["item"])
        if not len(mine[ID]):
            return Explanation("wrong value", f"item is {found['item']}, of which the window has no event")
        right = self._aggregates(mine)
        if any(found[name] != value for name, value in right.items()):
            explanation = explain(self._query, mine, right, found, thorough)
            return Explanation(explanation.kind, f"of item {found['item']} {explanation.text}", explanation.ids)
        return Explanation("wrong value", f"{values(['item'], self._due(due), found)}, whose values are right")

    def _settle_ranks(self, rows: Integers, windows: Integers) -> None:
        """An item that stands on another rank, because one of its window lost events or counts some twice, is not
        wrong by itself.
        """
        identity, keys = self._matching.due.identity, self._matching.due.keys
        groups: dict[tuple[int, ...], list[int]] = {}
        for row, due in zip(rows.tolist(), windows.tolist(), strict=True):
            groups.setdefault((int(keys[due]), *identity[:2, due].tolist()), []).append(row)
        for group in groups.values():
            causes = [each for row in group if (each := self._found[row]).kind in ("loss", "double count")]
            for row in group:
                if causes and self._found[row].kind == "wrong value" and self._found[row].text.endswith("are right"):
                    text = f"{self._found[row].text}; {causes[0].text}"
                    self._found[row] = Explanation(causes[0].kind, text, causes[0].ids)

    def _events_of_windows(self, due: Integers) -> dict[int, Columns]:
        """The events of these windows, in log order, by due row. Rows of a window's top items have the same events."""
        matching, bounds = self._matching, ("start", "end")
        found: dict[int, Columns] = {}
        for number, mine in self._by_phase(due):
            places = matching.due.identity[:2, mine]
            named = np.concatenate((matching.due.keys[np.newaxis, mine], places))
            windows, owner = np.unique(named, axis=1, return_inverse=True)
            wanted = pa.table(dict(zip(("key", *bounds), windows, strict=True)))
            members = self._seen.members(wanted, [self._seen.phases[number]])
            split = list(grouped(members, windows))
            for each, place in zip(mine.tolist(), np.ravel(owner).tolist(), strict=True):
                without = self._seen.lateness[number].without.get(tuple(windows[:, place].tolist()))
                found[each] = (
                    split[place] if without is None else _only(split[place], ~np.isin(split[place][ID], without))
                )
        return found

    # Successions: the events of each key.

    def _explain_successions(self, rows: Integers, missing: Integers) -> None:
        matching, wanted = self._matching, set(rows.tolist())
        keys = np.unique(np.concatenate((matching.rows.keys[rows], matching.due.keys[missing])))
        members = self._seen.members(pa.table({"key": keys}), self._seen.phases)
        events = dict(zip(keys.tolist(), grouped(members, keys[np.newaxis]), strict=True))
        self._ids |= {due: self._ids_in_succession(due, events) for due in missing.tolist()}
        mine = np.flatnonzero(np.isin(matching.rows.keys, keys) & (matching.counts_as != DUPLICATE))
        mine = mine[np.argsort(matching.rows.keys[mine], kind="stable")]
        for key, group in groupby(mine.tolist(), lambda row: int(matching.rows.keys[row])):
            answers = [self._answer(row) for row in group]
            for row, explanation in self._in_succession(events[key], answers, key in self._thorough):
                if row in wanted:
                    self._found[row] = explanation

    def _in_succession(
        self, events: Columns, answers: list[KeyRow], thorough: bool
    ) -> Iterator[tuple[int, Explanation]]:
        if isinstance(self._query.shape, Running):
            return explain_running(self._query, events, answers)
        return explain_windows(self._query, events, answers, thorough)

    def _answer(self, row: int) -> KeyRow:
        due = int(self._matching.index[row])
        renamed = bool(self._matching.renamed[row])
        return KeyRow(
            number=row,
            identity=int(self._matching.rows.identity[0, row]),
            values=self._values(row),
            due=self._due(due) if due >= 0 and not renamed else None,
            right=bool(self._matching.counts_as[row] == MATCH),
            again=bool(self._matching.conflicts[row]),
        )

    def _ids_in_succession(self, due: int, events: Mapping[int, Columns]) -> tuple[int, ...]:
        matching = self._matching
        last = int(matching.due.last_ids[due])
        if isinstance(self._query.shape, Running):
            return (last,)
        ids = events[int(matching.due.keys[due])][ID]
        stop = int(np.argmax(ids == last)) + 1
        return tuple(ids[stop - self._due(due)[SUMS[0]] : stop].tolist())

    # Values by name.

    def _by_phase(self, due: Integers) -> Iterator[tuple[int, Integers]]:
        due = np.unique(due)
        for number in np.unique(self._matching.due.phases[due]).tolist():
            yield number, due[self._matching.due.phases[due] == number]

    def _due(self, due: int) -> dict[str, int]:
        return dict(zip(self._query.fields, self._matching.due.values[:, due].tolist(), strict=True))

    def _values(self, row: int) -> dict[str, int]:
        return dict(zip(self._query.fields, self._matching.rows.values[:, row].tolist(), strict=True))


def _of_item(query: Query, events: Columns, item: int) -> Columns:
    """The events of an item, where the query asks for the top ones of each window."""
    if not isinstance(query.shape, Windowed) or query.shape.top is None:
        return events
    return _only(events, events[query.shape.top.item] == item)


def _only(events: Columns, chosen: NDArray[np.bool_]) -> Columns:
    return {name: column[chosen] for name, column in events.items()}
