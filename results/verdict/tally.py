"""What stands in a slice of a history before anything is explained, and what is to be explained of all slices.

A slice is a set of keys; a small history is one slice. The limits of the judge (so many rows are explained, the first
ones; so many are shown) are of the whole, so slices are counted first, and then told which of their rows these are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from results.evidence.rows import UNKNOWN_KEY
from results.result import Kind, PhaseKind, Verdict
from results.verdict.audit import SUMS, outputs
from results.verdict.causality import premature
from results.verdict.delivery import aborted_reads, out_of_order, scattered
from results.verdict.examination import Examination
from results.verdict.explanation import THOROUGH
from results.verdict.matching import DUPLICATE, MATCH, NEVER, UNEXPECTED, WRONG
from results.verdict.transactions import torn
from workloads.query import Query, Running, Windowed
from workloads.stream import Integers

SHOWN = 5
"""How many offending rows are kept of each count, the first ones."""

EXPLAINED = 1_000_000
"""So many wrong rows are explained, the first ones: there may be many millions."""

MISSING, WRONG_ROWS, DUPLICATES, UNEXPECTED_ROWS, MALFORMED = "missing", "wrong", "duplicate", "unexpected", "malformed"
"""What is shown beside the kinds that no guarantee of delivery allows."""


@dataclass(frozen=True)
class Listed:
    """Some rows of a slice, the first ones of a sort, or of missing rows due ones."""

    places: Integers
    """Their indices in the slice."""
    ranks: Integers
    """By what they are in order among those of all slices: a line a column, the first one counts most."""
    keys: Integers
    """Index of each one's key."""
    total: int
    """How many of the sort there are in the slice."""

    def until(self, last: int) -> Listed:
        """Of these those with numbers up to the last."""
        kept = self.ranks[0] <= last
        return replace(self, places=self.places[kept], ranks=self.ranks[:, kept], keys=self.keys[kept])


@dataclass(frozen=True)
class Tally:
    """What stands in a slice, of the phases of one kind."""

    verdict: Verdict
    """Rows by count."""
    due: int
    """How many rows there should be."""
    kinds: Counter[Kind]
    """How many rows are wrong in a way that need not be looked for."""
    shown: dict[str, Listed]
    """The first rows of each sort that is shown, by the sort's name."""
    doubtful: Listed
    """The first wrong rows whose cause is to be looked for."""
    strays: Listed
    """The first unexpected rows that may be there because of a lost or repeated event."""
    unsettled: int
    """How many rows have no kind yet."""
    unpaired: int
    """As of `Matching`."""
    failures: tuple[Integers, Integers]
    """Where windows follow each other by key: keys, and how many rows of each are wrong or unexpected."""


@dataclass(frozen=True)
class Chosen:
    """What is to be explained and shown of a slice."""

    concerned: Integers
    """Indices of the rows that are explained, in order."""
    positions: Integers
    """Where each of these stands among those of all slices."""
    explained: tuple[int, int]
    """Doubtful rows, and strays, are not looked into if their number is larger."""
    shown: dict[str, Integers]
    """The indices of those that are shown, by the sort's name."""
    thorough: frozenset[int]
    """Where windows follow each other by key: the keys for which scattered events are looked for."""


def counted(seen: Examination, kind: PhaseKind) -> Tally:
    """What stands in a slice, of the phases of one kind."""
    return _Counting(seen, kind).tally()


class _Counting:
    def __init__(self, seen: Examination, kind: PhaseKind) -> None:
        self._seen, self._matching, self._query = seen, seen.matching, seen.stream.query
        self._mine = [number for number, phase in enumerate(seen.phases) if phase.kind == kind]
        self._due_here = np.isin(self._matching.due.phases, self._mine)
        self._rows_here = np.isin(seen.row_phases, self._mine)

    def tally(self) -> Tally:
        matching, here = self._matching, self._rows_here
        missing = np.flatnonzero(self._due_here & matching.missing)
        wrong, duplicate, unexpected = (
            np.flatnonzero(here & (matching.counts_as == count)) for count in (WRONG, DUPLICATE, UNEXPECTED)
        )
        plain = audited(self._seen, wrong)
        doubtful = wrong[~plain & is_doubtful(self._seen, wrong)]
        strays = unexpected[explicable(self._seen, unexpected)]
        malformed = malformed_of(self._seen, self._mine)
        never: dict[Kind, Integers] = {
            "aborted read": aborted_reads(self._seen),
            "out of order": out_of_order(self._seen),
            "torn": torn(self._seen),
            "scattered": scattered(self._seen),
            "premature": premature(self._seen).rows,
        }
        never = {kind: rows[here[rows]] for kind, rows in never.items()}
        kinds: Counter[Kind] = Counter({kind: len(rows) for kind, rows in never.items()})
        kinds["wrong value"] = int(np.count_nonzero(plain))
        kinds["loss"], kinds["duplicate"], kinds["malformed"] = len(missing), len(duplicate), len(malformed)
        shown: dict[str, Integers] = {WRONG_ROWS: wrong, DUPLICATES: duplicate}
        shown |= {str(kind): rows for kind, rows in never.items()} | {UNEXPECTED_ROWS: unexpected}
        return Tally(
            verdict=Verdict(
                match=int(np.count_nonzero(here & (matching.counts_as == MATCH))),
                missing=len(missing),
                duplicate=len(duplicate),
                wrong=len(wrong),
                unexpected=len(unexpected) + len(malformed),
                late_dropped=sum(self._seen.lateness[number].dropped for number in self._mine),
            ),
            due=int(np.count_nonzero(self._due_here)),
            kinds=kinds,
            shown={
                MISSING: self._listed_due(missing),
                **{name: self._listed(rows, most_of(self._query, name)) for name, rows in shown.items()},
            },
            doubtful=self._listed(doubtful, EXPLAINED),
            strays=self._listed(strays, EXPLAINED),
            unsettled=int(np.count_nonzero(~plain)) + len(unexpected),
            unpaired=matching.unpaired,
            failures=self._failures(),
        )

    def _listed(self, rows: Integers, most: int) -> Listed:
        first, known = rows[:most], self._matching.rows
        return Listed(first, known.numbers[np.newaxis, first], known.keys[first], len(rows))

    def _listed_due(self, due: Integers) -> Listed:
        first = due[:SHOWN]
        return Listed(first, due_ranks(self._seen, first), self._matching.due.keys[first], len(due))

    def _failures(self) -> tuple[Integers, Integers]:
        """In all phases, since a key's windows go on from one to the next."""
        if not in_succession(self._query):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        failed = np.isin(self._matching.counts_as, (WRONG, UNEXPECTED)) & (self._matching.rows.keys != UNKNOWN_KEY)
        keys, times = np.unique(self._matching.rows.keys[failed], return_counts=True)
        return keys, np.asarray(times, dtype=np.int64)


def most_of(query: Query, sort: str) -> int:
    """How many rows of a sort are kept. Without an audit, the values of all wrong rows are compared."""
    return EXPLAINED if sort == WRONG_ROWS and not outputs(query) else SHOWN


def in_succession(query: Query) -> bool:
    """Whether a second row under one identity may come from an event that was counted twice."""
    return isinstance(query.shape, Windowed | Running) and query.time_window is None


def audited(seen: Examination, wrong: Integers) -> NDArray[np.bool_]:
    """Wrong rows whose audit is right, so that no event need be looked for: these are wrong values, however many there
    are. A row that has its identity from another one is none.
    """
    query, matching = seen.stream.query, seen.matching
    places = [query.fields.index(name) for name in SUMS if outputs(query)]
    due = matching.due.values[places][:, matching.index[wrong]]
    equal = np.all(matching.rows.values[places][:, wrong] == due, axis=0)
    return np.asarray(equal & ~matching.renamed[wrong] & ~matching.conflicts[wrong], dtype=np.bool_)


def is_doubtful(seen: Examination, wrong: Integers) -> NDArray[np.bool_]:
    """Of wrong rows whose audit is not right, those whose cause is looked for."""
    return np.asarray(~seen.matching.conflicts[wrong] | in_succession(seen.stream.query), dtype=np.bool_)


def explicable(seen: Examination, unexpected: Integers) -> NDArray[np.bool_]:
    """Unexpected rows that may be a part of a window, or one window more, because of a lost or repeated event."""
    query, matching = seen.stream.query, seen.matching
    if in_succession(query) and isinstance(query.shape, Windowed):
        return np.asarray(matching.rows.keys[unexpected] != UNKNOWN_KEY, dtype=np.bool_)
    return np.asarray(matching.within[unexpected] >= 0, dtype=np.bool_)


def malformed_of(seen: Examination, phases: Sequence[int]) -> Integers:
    """The places of the rows that cannot be read, of phases by index."""
    rows = seen.matching.rows.malformed
    return np.flatnonzero(np.isin(seen.phase_at(np.array([row.visible_ns for row in rows], dtype=np.int64)), phases))


def due_ranks(seen: Examination, places: Integers) -> Integers:
    """By what due rows are in order: identity and key; behind them, phase by phase, those that are due instead of a
    window with late events, by that window.
    """
    due, replaced = seen.matching.due, [late.replaced for late in seen.lateness]
    lines = np.zeros((len(due.identity) + 3, len(places)), dtype=np.int64)
    lines[1:-2], lines[-2] = due.identity[:, places], due.keys[places]
    later = [(1 + phase, *row) for phase, rows in enumerate(replaced) for row in rows]
    if later:
        first = len(due.keys) - len(later)
        new = places >= first
        lines[:, new] = np.array(later, dtype=np.int64).T[:, places[new] - first]
    return lines


def lighter(tallies: Sequence[Tally]) -> list[Tally]:
    """The same tallies, without rows that are not among the first of all once there are too many of them: where every
    row is wrong, each slice has as many as may be explained.
    """
    sorts = (
        [tally.doubtful for tally in tallies],
        [tally.strays for tally in tallies],
        [tally.shown[WRONG_ROWS] for tally in tallies],
    )
    if sum(len(each.places) for lists in sorts for each in lists) <= 2 * EXPLAINED:
        return list(tallies)
    doubtful, strays, wrong = (_Merged(lists, EXPLAINED).last for lists in sorts)
    return [
        replace(
            tally,
            doubtful=tally.doubtful.until(doubtful),
            strays=tally.strays.until(strays),
            shown=tally.shown | {WRONG_ROWS: tally.shown[WRONG_ROWS].until(wrong)},
        )
        for tally in tallies
    ]


def unexplained(tallies: Sequence[Tally]) -> int:
    """How many doubtful rows and strays are not looked into."""
    totals = (sum(tally.doubtful.total for tally in tallies), sum(tally.strays.total for tally in tallies))
    return sum(max(total - EXPLAINED, 0) for total in totals)


def chosen(query: Query, tallies: Sequence[Tally]) -> list[Chosen]:
    """What is to be explained and shown, for each slice."""
    doubtful = _Merged([tally.doubtful for tally in tallies], EXPLAINED)
    strays = _Merged([tally.strays for tally in tallies], EXPLAINED)
    shown = {sort: _Merged([tally.shown[sort] for tally in tallies], most_of(query, sort)) for sort in tallies[0].shown}
    extra = ~np.isin(shown[WRONG_ROWS].ranks[0], doubtful.ranks[0])
    slices = np.concatenate((doubtful.slices, shown[WRONG_ROWS].slices[extra], strays.slices))
    places = np.concatenate((doubtful.places, shown[WRONG_ROWS].places[extra], strays.places))
    keys = np.concatenate((doubtful.keys, shown[WRONG_ROWS].keys[extra], strays.keys, shown[MISSING].keys))
    thorough = _thorough(np.unique(keys), tallies)
    found = []
    for number in range(len(tallies)):
        mine = np.flatnonzero(slices == number)
        found.append(
            Chosen(
                concerned=places[mine],
                positions=mine,
                explained=(doubtful.last, strays.last),
                shown={sort: each.places[:SHOWN][each.slices[:SHOWN] == number] for sort, each in shown.items()},
                thorough=thorough,
            )
        )
    return found


class _Merged:
    """The first rows of a sort, of all slices, in order.

    last: the number of the last one, where there are more of them.
    """

    def __init__(self, lists: Sequence[Listed], most: int) -> None:
        slices = np.repeat(np.arange(len(lists)), [len(each.places) for each in lists])
        ranks = np.concatenate([each.ranks for each in lists], axis=1)
        order = np.lexsort(ranks[::-1])[:most]
        self.slices, self.ranks = slices[order], ranks[:, order]
        self.places = np.concatenate([each.places for each in lists])[order]
        self.keys = np.concatenate([each.keys for each in lists])[order]
        more = sum(each.total for each in lists) > most
        self.last = int(self.ranks[0, -1]) if more else NEVER


def _thorough(keys: Integers, tallies: Sequence[Tally]) -> frozenset[int]:
    """The keys of windows that follow each other for which scattered events are looked for: from the first key on, as
    long as fewer than THOROUGH rows were explained.
    """
    failed = {
        key: times for tally in tallies for key, times in zip(*(each.tolist() for each in tally.failures), strict=True)
    }
    explained, thorough = 0, set()
    for key in keys.tolist():
        if explained >= THOROUGH:
            break
        thorough.add(key)
        explained += failed.get(key, 0)
    return frozenset(thorough)
