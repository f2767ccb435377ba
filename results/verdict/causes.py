"""Causes that lie beyond a wrong row's own events: an event that was sent again and counts again, sessions that are
joined, a window under another's name, events of transactions that were aborted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from results.evidence.committed_input import decoys_of
from results.verdict.audit import SUMS, Explanation, describe, find, outputs
from results.verdict.examination import Examination
from results.verdict.identity import Finder
from workloads.query import CHECK, ID, Running, Session, Sliding, Tumbling
from workloads.stream import Integers, checks

_Sent = tuple[Integers, Integers, Integers]
"""Ids, checks and times of events, in log order."""


class Causes:
    """Looks for them for one row after the other; what takes time is made when it is first asked for."""

    def __init__(self, seen: Examination) -> None:
        self._seen, self._matching, self._query = seen, seen.matching, seen.stream.query
        self._decoys = decoys_of(seen.history)

    def of(self, row: int) -> Explanation | None:
        """What explains a wrong or unexpected row beyond its own events; None where nothing of this does."""
        for look in (self._uncommitted, self._resent, self._joined, self._shifted):
            if (explanation := look(row)) is not None:
                return explanation
        return None

    def _uncommitted(self, row: int) -> Explanation | None:
        named = self._matching.rows.identity[:, row]
        if ids := named[np.isin(named, self._decoys)].tolist():
            text = f"{describe(tuple(ids))} was in a transaction that was aborted"
            return Explanation("uncommitted read", text, tuple(ids))
        ids = self._counted_more(row, self._decoys, checks(self._decoys))
        if not ids:
            return None
        return Explanation("uncommitted read", f"it counts {describe(ids)} of a transaction that was aborted", ids)

    def _resent(self, row: int) -> Explanation | None:
        """Of events that are sent again, only the first counts: an engine that forgot it counts the others as well."""
        key = int(self._matching.rows.keys[row])
        if self._query.deduplicate is None or key not in self._dropped:
            return None
        ids, sums, times = self._dropped[key]
        if isinstance(self._query.shape, Running) and self._matching.index[row] < 0:
            found = tuple(ids[ids == self._matching.rows.identity[0, row]].tolist())
            said = "was sent before and has a row"
        else:
            if self._query.time_window is not None:
                start, end = self._matching.rows.identity[:2, row].tolist()
                inside = (times >= start) & (times < end)
                ids, sums = ids[inside], sums[inside]
            found, said = self._counted_more(row, ids, sums), "was sent before and counts again"
        return Explanation("double count", f"{describe(found)} {said}", found) if found else None

    def _joined(self, row: int) -> Explanation | None:
        """Sessions that are exactly the gap apart are two; here their events are one row's."""
        due, rows = self._matching.due, self._matching.rows
        first = int(self._matching.index[row])
        if not isinstance(self._query.time_window, Session) or first < 0:
            return None
        places = [self._query.fields.index(name) for name in SUMS]
        total, joined = due.values[places, first].copy(), [first]
        while not np.array_equal(total, rows.values[places, row]):
            end = due.identity[1, joined[-1]]
            follow = np.flatnonzero((due.keys == due.keys[first]) & (due.identity[0] == end))
            if not len(follow):
                return None
            joined.append(int(follow[0]))
            total += due.values[places, joined[-1]]
        if len(joined) == 1:
            return None
        text = f"it is {len(joined)} sessions in one: a pause of exactly the gap ends a session"
        return Explanation("broken audit", text)

    def _shifted(self, row: int) -> Explanation | None:
        """All of a row's values are those of another window of its key."""
        due, rows = self._matching.due, self._matching.rows
        if not isinstance(self._query.time_window, Tumbling | Sliding) or not outputs(self._query):
            return None
        (found,) = self._by_values.find(rows.keys[[row]], rows.values[:, [row]]).tolist()
        if found < 0 or found == self._matching.index[row]:
            return None
        start, end = due.identity[:2, found].tolist()
        by_ms = int(rows.identity[0, row]) - start
        word = "later" if by_ms > 0 else "earlier"
        text = f"its values are those of window [{start}, {end}): it has the name of one {abs(by_ms)} ms {word}"
        return Explanation("broken audit", text)

    def _counted_more(self, row: int, ids: Integers, sums: Integers) -> tuple[int, ...]:
        """Which of these events a row counts beside those that are due; empty if none explain its audit sums."""
        due = int(self._matching.index[row])
        if due < 0 or not outputs(self._query) or not len(ids):
            return ()
        places = [self._query.fields.index(name) for name in SUMS]
        more = self._matching.rows.values[places, row] - self._matching.due.values[places, due]
        count, ids_sum, checks_sum = more.tolist()
        found = find(ids, sums, count, ids_sum, checks_sum)
        return () if found is None else tuple(ids[found].tolist())

    @cached_property
    def _by_values(self) -> Finder:
        return Finder(self._matching.due.keys, self._matching.due.values)

    @cached_property
    def _dropped(self) -> dict[int, _Sent]:
        """The events that the query's deduplication drops, by key."""
        wrong = self._matching.rows.keys[np.flatnonzero(self._matching.counts_as > 1)]
        wanted = pa.table({"key": np.unique(wrong[wrong >= 0])})
        all_sent = self._seen.members(
            wanted, self._seen.phases, replace(self._query, deduplicate=None, shape=Running(()))
        )
        kept = self._seen.members(wanted, self._seen.phases, replace(self._query, shape=Running(())))
        again = ~np.isin(all_sent[ID].to_numpy(), kept[ID].to_numpy())
        keys, *columns = (all_sent[name].to_numpy()[again] for name in ("key", ID, CHECK, self._query.time))
        return {
            key: (columns[0][keys == key], columns[1][keys == key], columns[2][keys == key])
            for key in np.unique(keys).tolist()
        }
